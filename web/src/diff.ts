import { html } from 'diff2html';
import { el } from './dom';

// diff2html gives HTML as text, made from escaped text. It is parsed in a
// document that runs and loads nothing, and only what stands below is copied
// from there, so that the page does not depend on that escaping.

const kElements = new Set(['DIV', 'SPAN', 'TABLE', 'TBODY', 'TR', 'TD', 'INS', 'DEL', 'BR']);
// What is dropped with all that is in it: boxes to tick, icons, lists of tags.
const kDropped = new Set(['LABEL', 'INPUT', 'SVG', 'SCRIPT', 'STYLE']);

function copy(from: Node): Node | null {
  if (from.nodeType === Node.TEXT_NODE) return document.createTextNode(from.textContent ?? '');
  if (!(from instanceof Element)) return null;
  const name = from.tagName.toUpperCase();
  if (kDropped.has(name)) return null;
  const children = [...from.childNodes].map(copy).filter((child): child is Node => child !== null);
  if (!kElements.has(name)) {
    const flat = document.createDocumentFragment();
    flat.append(...children);
    return flat;
  }
  const made = document.createElement(name.toLowerCase());
  if (/^[a-z0-9 -]*$/i.test(from.className)) made.className = from.className;
  made.append(...children);
  return made;
}

const kMost = 60_000; // characters; longer ones are shown as they are

export function diffView(patch: string): HTMLElement {
  const view = el('div', { class: 'diff' });
  if (patch.length <= kMost && patch.includes('@@')) {
    try {
      const text = html(patch, {
        drawFileList: false, matching: 'lines', outputFormat: 'line-by-line',
        matchingMaxComparisons: 400, maxLineLengthHighlight: 2000,
      });
      const parsed = new DOMParser().parseFromString(text, 'text/html');
      const copied = copy(parsed.body.firstElementChild ?? parsed.body);
      if (copied && copied.textContent?.trim()) {
        view.append(copied);
        return view;
      }
    } catch {
      // Then as it stands.
    }
  }
  view.append(el('pre', { class: 'text' }, ...patch.split('\n').map((line) => el('span', {
    class: line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : '',
  }, line + '\n'))));
  return view;
}
