import { better, gainOf, kMeasured, type Model, type Node } from './data';
import { el, show, title } from './dom';
import { count, dollars, number, percent, words } from './format';

const kAtFirst = 12;
const kMore = 100;
type Order = 'value' | 'newest' | 'oldest';
type Kind = 'all' | 'measured' | 'new bests' | 'failed';

// Every attempt, for the eye and for a reader of screens.
export class Attempts {
  private shown = kAtFirst;
  private order: Order = 'value';
  private kind: Kind = 'all';

  constructor(private readonly model: Model, private readonly open: (n: number) => void) {}

  draw(): void {
    const all = this.model.sorted.filter((node) => node.n !== 0);
    if (all.length === 0) return show('attempts');
    const nodes = this.sort(all.filter((node) => this.fits(node)));
    const cost = all.some((node) => node.usd);
    const rest = nodes.length - this.shown;
    show('attempts',
      el('div', { class: 'row' }, title('attempts', 'All attempts', count(all.length, 'attempt')),
        el('div', { class: 'controls' },
          this.switch('Show', ['all', 'measured', 'new bests', 'failed'], this.kind, (kind) => { this.kind = kind as Kind; }),
          this.switch('Order', ['value', 'newest', 'oldest'], this.order, (order) => { this.order = order as Order; }))),
      el('div', { class: 'scroll' }, el('table', { class: 'attempts' },
        el('thead', {}, el('tr', {}, el('th', { class: 'number' }, '#'), el('th', {}, 'Outcome'),
          el('th', { class: 'number' }, this.model.data.run.metric), el('th', { class: 'number' }, 'gain'),
          el('th', {}, 'Idea'), cost ? el('th', { class: 'number' }, 'cost') : null)),
        el('tbody', {}, ...nodes.slice(0, this.shown).map((node) => this.row(node, cost))))),
      rest > 0 ? el('button', {
        type: 'button', class: 'more',
        onclick: () => { this.shown += kMore; this.draw(); },
      }, `Show ${Math.min(kMore, rest)} more of ${rest}`) : null);
  }

  private row(node: Node, cost: boolean): HTMLElement {
    const gain = gainOf(this.model, node);
    const measured = kMeasured.has(node.outcome);
    const text = node.idea || node.reason || '';
    return el('tr', { onclick: () => this.open(node.n) },
      el('td', { class: 'number' }, el('button', { type: 'button', class: 'node-link', 'aria-label': `Open node ${node.n}` }, String(node.n))),
      el('td', {}, el('span', { class: `pill ${node.outcome}` }, words(node.outcome))),
      el('td', { class: 'number' }, measured ? number(node.value) : '\u2013'),
      el('td', { class: `number ${gain !== undefined && measured ? (gain > 0 ? 'up' : 'down') : ''}` },
        gain === undefined || !measured ? '' : percent(gain)),
      el('td', { class: 'idea' }, el('span', { class: 'clip' }, text),
        !measured && node.idea && node.reason ? el('span', { class: 'muted clip' }, node.reason) : null),
      cost ? el('td', { class: 'number' }, node.usd ? dollars(node.usd) : '\u2013') : null);
  }

  private fits(node: Node): boolean {
    if (this.kind === 'measured') return kMeasured.has(node.outcome);
    if (this.kind === 'new bests') return node.outcome === 'improved';
    if (this.kind === 'failed') return !kMeasured.has(node.outcome) && node.outcome !== 'pending';
    return true;
  }

  private sort(nodes: Node[]): Node[] {
    const { data } = this.model;
    if (this.order === 'newest') return nodes.sort((a, b) => b.n - a.n);
    if (this.order === 'oldest') return nodes.sort((a, b) => a.n - b.n);
    const rank = (node: Node) => (node.n === data.verdict.best ? 0 : node.value === undefined ? 2 : 1);
    return nodes.sort((a, b) => rank(a) - rank(b)
      || (a.value === undefined || b.value === undefined || a.value === b.value ? a.n - b.n
        : better(data, a.value, b.value) ? -1 : 1));
  }

  private switch(name: string, options: string[], chosen: string, set: (option: string) => void): HTMLElement {
    return el('div', { class: 'switch', role: 'group', 'aria-label': name }, ...options.map((option) =>
      el('button', {
        type: 'button', 'aria-pressed': String(option === chosen),
        onclick: () => { set(option); this.shown = kAtFirst; this.draw(); },
      }, option)));
  }
}
