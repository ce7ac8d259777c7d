/** The reader's boards: the picker on the card, the shelf on the start page. */

const LAST_BOARD_KEY = "print-to-pin.board";
const NEW_BOARD = "new";

/** Fill the start page's shelf, if this phone already has a reader with something pinned. */
export async function showShelf(shelf, api) {
  if (!api.hasReader()) return;
  let boards;
  try {
    boards = await api.boards();
  } catch {
    return; // The shelf is a courtesy: without it the page still does its work.
  }
  const pinned = boards.filter((board) => board.pin_count > 0);
  shelf.querySelector("ul").replaceChildren(...pinned.map(shelfItem));
  shelf.hidden = pinned.length === 0;
}

function shelfItem(board) {
  const name = document.createElement("span");
  name.textContent = board.name;
  const count = document.createElement("span");
  count.textContent = board.pin_count === 1 ? "1 pin" : `${board.pin_count} pins`;
  const link = document.createElement("a");
  link.href = board.url;
  link.append(name, count);
  const item = document.createElement("li");
  item.append(link);
  return item;
}

/** The choice of a board: an existing one, or the name of a new one. */
export function createBoardPicker({ select, nameField, api, storage }) {
  const nameInput = nameField.querySelector("input");
  let boards = [];

  function sync() {
    nameField.hidden = select.value !== NEW_BOARD;
    nameInput.required = !nameField.hidden;
  }

  function fill(chosenId) {
    const options = boards.map((board) => new Option(board.name, board.id));
    select.replaceChildren(...options, new Option("New board…", NEW_BOARD));
    if (boards.some((board) => board.id === chosenId)) select.value = chosenId;
    sync();
  }

  select.addEventListener("change", () => {
    sync();
    if (!nameField.hidden) nameInput.focus();
  });

  return {
    async load() {
      boards = await api.boards();
      fill(storage.get(LAST_BOARD_KEY));
    },

    /** The chosen board, made first if it is new. */
    async chosen() {
      const board = select.value === NEW_BOARD ? await this.made(nameInput.value.trim()) : this.known(select.value);
      storage.set(LAST_BOARD_KEY, board.id);
      return board;
    },

    known: (id) => boards.find((board) => board.id === id),

    /** Looks for the name first: the answer to an earlier attempt may have been lost on the way. */
    async made(name) {
      boards = await api.boards();
      let board = boards.find((one) => one.name === name);
      if (!board) {
        board = await api.createBoard(name);
        boards.push(board);
      }
      nameInput.value = "";
      fill(board.id);
      return board;
    },
  };
}
