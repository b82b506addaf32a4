// The only way this page makes elements: text is text, attributes are names
// from this source. Nothing a model or a program wrote is ever parsed as HTML.

type Child = Node | string | null | undefined | false;

interface Attributes {
  class?: string;
  id?: string;
  title?: string;
  onclick?: (event: MouseEvent) => void;
  [name: string]: unknown;
}

function fill(element: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') {
      element.addEventListener(name.slice(2), value as EventListener);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  element.append(...children.filter((c): c is Node | string => !!c || c === ''));
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  fill(element, attributes, children);
  return element;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no #${id} in the page`);
  return found;
}

export function show(id: string, ...children: Child[]): void {
  const section = byId(id);
  section.hidden = children.length === 0;
  section.replaceChildren(...children.filter((c): c is Node | string => !!c));
}

export function title(id: string, text: string, note?: string): HTMLElement {
  return el('header', { class: 'title' }, el('h2', { id: `${id}-title` }, text),
    note ? el('p', { class: 'note' }, note) : null);
}

// A bar whose length is a share of its row.
export function bar(share: number, kind = ''): HTMLElement {
  const inner = el('span', { class: `fill ${kind}` });
  inner.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return el('span', { class: 'meter' }, inner);
}

export function command(text: string): HTMLElement {
  const copy = el('button', {
    class: 'copy', type: 'button', title: 'Copy', 'aria-label': `Copy: ${text}`,
    onclick: () => {
      void navigator.clipboard?.writeText(text).then(() => {
        copy.classList.add('done');
        setTimeout(() => copy.classList.remove('done'), 1200);
      });
    },
  });
  return el('span', { class: 'command' }, el('code', {}, text), copy);
}
