/** The page's one flow: start -> sending -> card, miss or trouble -> start. */

import { browserStorage, CancelledError, createApi, isWorthRepeating } from "./api.js";
import { showShelf } from "./boards.js";
import { showCard } from "./card.js";
import { announce, fromTemplate, showView } from "./dom.js";
import { preparePhoto } from "./photo.js";
import { mountSources } from "./scanner.js";

const storage = browserStorage();
const api = createApi(storage);
const CONSENT_KEY = "print-to-pin.keep";
let upload = null; // The AbortController of the photo on its way.

const sources = (slot, options) => mountSources(slot, send, options);

function showStart() {
  const view = fromTemplate("start-view");
  sources(view.slot("sources"), { prominent: true });
  const consent = view.root.querySelector('[name="keep"]');
  consent.checked = mayKeep();
  consent.addEventListener("change", () => storage.set(CONSENT_KEY, String(consent.checked)));
  showView(view);
  showShelf(view.slot("shelf"), api);
}

/** Whether this reader lets publishers keep photos of their pages; not unless it was said. */
const mayKeep = () => storage.get(CONSENT_KEY) === "true";

/** Drop what is on its way, for something new. */
function replaceUpload() {
  upload?.abort();
  return (upload = new AbortController());
}

async function send(blob) {
  const own = replaceUpload();
  if (history.state?.view !== "photo") history.pushState({ view: "photo" }, "");
  const photo = await preparePhoto(blob);
  if (!own.signal.aborted) await sendPhoto(blob, photo, own); // Else the reader has gone back meanwhile.
}

/** Upload and show the answer; what fails can be repeated with the photo still at hand. */
async function sendPhoto(blob, photo, own = replaceUpload()) {
  const onProgress = showSending(photo);
  const again = () => sendPhoto(blob, photo);
  try {
    const scan = await api.scan(blob, { keep: mayKeep(), onProgress, signal: own.signal });
    if (own.signal.aborted) return;
    if (scan.outcome === "read") {
      showCard({ scan, photo, api, storage, mountSources: sources, onReaderReplaced: again });
    } else showMiss(scan, photo);
  } catch (error) {
    if (error instanceof CancelledError || own.signal.aborted) return;
    showTrouble(error, photo, again);
  }
}

function showSending(photo) {
  const view = fromTemplate("sending-view");
  view.slot("photo").append(photo.node);
  const bar = view.root.querySelector("progress");
  view.root.querySelector('[data-action="cancel"]').addEventListener("click", () => history.back());
  showView(view);
  announce("Sending your photo.");
  return (fraction) => {
    bar.value = 100 * fraction;
    view.slot("progress").textContent = `${Math.round(100 * fraction)} % sent`;
    if (fraction < 1 || bar.hidden) return;
    bar.removeAttribute("value"); // From here on nobody knows how long: a bar without a value says so.
    view.slot("title").textContent = "Reading the picture";
    view.slot("progress").textContent = "Sent. Looking for the mark…";
    announce("Photo sent. Reading the picture.");
  };
}

function showMiss(scan, photo) {
  const view = fromTemplate("miss-view");
  view.slot("photo").append(photo.node);
  if (scan.detections.length) photo.outline(scan);
  view.slot("hint").textContent = scan.hint ?? "Nothing was found in this photo. Try another one.";
  sources(view.slot("sources"), { prominent: true });
  showView(view);
  announce(view.slot("hint").textContent);
}

function showTrouble(error, photo, again) {
  const view = fromTemplate("trouble-view");
  if (!photo.isBlank) view.slot("photo").append(photo.node);
  view.slot("sentence").textContent = error.message;
  const retry = view.root.querySelector('[data-action="retry"]');
  retry.hidden = !isWorthRepeating(error);
  retry.addEventListener("click", again);
  sources(view.slot("sources"), { prominent: retry.hidden });
  showView(view);
  announce(error.message);
}

// The phone's back gesture leaves a photo for the start page, and not the page itself.
window.addEventListener("popstate", () => {
  upload?.abort();
  showStart();
});

showStart();
