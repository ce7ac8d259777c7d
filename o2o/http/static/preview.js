/** The live preview: whenever the form changes, the service draws the reader's card anew. */

const form = document.querySelector("form[data-preview]");
const place = document.getElementById("preview");
const PAUSE_MS = 200;

let timer;
let asking;

async function draw() {
  asking?.abort();
  asking = new AbortController();
  const sent = new FormData(form);
  sent.delete("pictures"); // A picture is shown from here; it is sent when the form is.
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", body: sent, signal: asking.signal });
    if (!answer.ok) return; // Logged out, say: the form itself will tell when it is sent.
    const card = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".phone");
    if (!card) return;
    place.replaceChildren(card);
    showChosen(card);
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error;
  }
}

/** Put a picture that was chosen but isn't sent yet onto the card, if no other comes before it. */
function showChosen(card) {
  const [file] = form.elements.pictures.files;
  if (!file || card.querySelector(".thumb")) return;
  const image = document.createElement("img");
  image.className = "thumb";
  image.alt = form.elements.alt_text.value;
  image.onload = () => URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  card.querySelector(".content-words").after(image);
}

if (form && place) {
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(draw, PAUSE_MS);
  });
}
