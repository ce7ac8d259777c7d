/** The answer card: what the photo shows, and the way onto a board. */

import { newIdempotencyKey, ReaderReplacedError } from "./api.js";
import { createBoardPicker } from "./boards.js";
import { announce, fromTemplate, setText, showView, svgIcon, webAddress } from "./dom.js";

/** Show the card of a scan that was read. `onReaderReplaced` is called when the scan is no longer ours. */
export function showCard({ scan, photo, api, storage, mountSources, onReaderReplaced }) {
  const view = fromTemplate("card-view");
  const known = scan.detections.filter((detection) => detection.content);
  const pinning = createPinning({ view, scan, api, storage, onReaderReplaced });

  function choose(detection) {
    photo.outline(scan, { chosen: detection, choosable: known, onChoose: choose });
    fillContent(view, detection.content);
    markChoice(view, known.indexOf(detection));
    pinning.showFor(detection.content);
  }

  view.slot("photo").append(photo.node);
  mountSources(view.slot("sources"), { prominent: false });
  if (scan.photo_kept_until) offerDeletion(view.slot("kept"), scan, api);
  if (known.length > 1) offerChoices(view, known, choose);
  choose(known[0]);
  showView(view);
  announce(known.length > 1 ? `${known.length} pictures found.` : `Found: ${known[0].content.title}.`);
}

/** Say until when the photo is kept, with a way to have it deleted at once. */
function offerDeletion(line, scan, api) {
  const [words, button] = line.children;
  const day = new Date(scan.photo_kept_until).toLocaleDateString(undefined, { dateStyle: "long" });
  words.textContent = `The magazine keeps this photo until ${day}.`;
  line.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await api.deletePhoto(scan.id);
      words.textContent = "The photo is deleted.";
      button.remove();
    } catch (error) {
      words.textContent = `The photo is still kept. ${error.message}`;
      button.disabled = false;
    }
    announce(words.textContent);
  });
}

function fillContent(view, content) {
  setText(view.slot("publisher"), content.publisher);
  view.slot("title").textContent = content.title;
  view.slot("content").lang = content.locale ?? "";
  setText(view.slot("price"), content.price);
  setText(view.slot("description"), content.description);
  const link = view.slot("link");
  const address = content.link && webAddress(content.link);
  link.hidden = !address;
  if (address) {
    link.href = address;
    const words = content.call_to_action || hostOf(address);
    link.setAttribute("aria-label", `${content.call_to_action || "Open"}: ${hostOf(address)}, in a new tab`);
    link.replaceChildren(words, svgIcon("outward"));
  }
  const image = view.slot("image");
  image.hidden = !content.image_url;
  if (content.image_url) image.src = content.image_url;
  image.alt = content.alt_text ?? "";
  image.onerror = () => (image.hidden = true);
}

const hostOf = (address) => new URL(address).hostname.replace(/^www\./, "");

function offerChoices(view, known, choose) {
  const choices = view.slot("choices");
  choices.hidden = false;
  choices.querySelector("legend").textContent = `${known.length} pictures in this photo`;
  choices.querySelector(".choice-row").replaceChildren(
    ...known.map((detection, i) => {
      const input = document.createElement("input");
      input.type = "radio";
      input.name = "picture";
      input.addEventListener("change", () => choose(detection));
      const face = document.createElement("span");
      face.textContent = `${i + 1}  ${detection.content.title}`;
      const label = document.createElement("label");
      label.className = "choice";
      label.append(input, face);
      return label;
    }),
  );
}

function markChoice(view, index) {
  const input = view.slot("choices").querySelectorAll("input")[index];
  if (input) input.checked = true;
}

/** The pin form and what follows it, for each content of the scan apart. */
function createPinning({ view, scan, api, storage, onReaderReplaced }) {
  const form = view.slot("pin-form");
  const button = form.querySelector("button");
  const problem = view.slot("problem");
  const picker = createBoardPicker({
    select: form.querySelector("select"),
    nameField: view.slot("new-board"),
    api,
    storage,
  });
  const keys = new Map(); // One key for each intent, kept until answered: a repeat can't pin twice.
  const results = new Map(); // creative_id -> {pin, board}
  let content = null;
  let boardsReady = loadBoards();

  async function loadBoards() {
    try {
      await picker.load();
      return true;
    } catch (error) {
      setText(problem, error.message);
      return false;
    }
  }

  function render() {
    const result = results.get(content.creative_id);
    form.hidden = Boolean(result);
    view.slot("pinned").hidden = !result;
    if (result) renderPinned(view, result);
  }

  function setBusy(label) {
    button.disabled = label !== null;
    button.textContent = label ?? (problem.hidden ? "Pin it" : "Try again");
  }

  async function pinTo(board, wanted) {
    const request = { scan_id: scan.id, creative_id: wanted.creative_id, board_id: board.id };
    const intent = `${wanted.creative_id} ${board.id}`;
    if (!keys.has(intent)) keys.set(intent, newIdempotencyKey());
    const pin = await api.settled(await api.pin(request, keys.get(intent)));
    if (pin.status === "failed") {
      keys.delete(intent); // Answered: a further attempt is a new intent.
      throw new Error("The board did not take this pin. Try again in a minute.");
    }
    return pin;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = content;
    problem.hidden = true;
    setBusy("Pinning…");
    announce("Pinning.");
    try {
      if (!(await boardsReady)) {
        boardsReady = loadBoards();
        if (!(await boardsReady)) return;
      }
      const board = await picker.chosen();
      results.set(wanted.creative_id, { pin: await pinTo(board, wanted), board });
      if (wanted === content) {
        render();
        view.slot("pinned-text").focus({ preventScroll: true });
        view.slot("pinned").scrollIntoView({ block: "nearest" });
      }
      announce(view.slot("pinned-text").textContent);
    } catch (error) {
      if (error instanceof ReaderReplacedError) onReaderReplaced();
      else setText(problem, error.message);
    } finally {
      setBusy(null);
    }
  });

  return {
    showFor(next) {
      content = next;
      render();
    },
  };
}

function renderPinned(view, { pin, board }) {
  const waiting = pin.status === "pending";
  view.slot("pinned").classList.toggle("is-waiting", waiting);
  view.slot("pinned-text").textContent = waiting ? `On its way to ${board.name}` : `Pinned to ${board.name}`;
  setText(view.slot("pinned-note"), waiting && "It is taking a little longer than usual and will appear on the board by itself.");
  view.slot("board-link").href = board.url;
}
