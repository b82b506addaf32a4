import { gainOf, type Model, type Node, type TextKind, type Texts } from './data';
import { diffView } from './diff';
import { byId, command, el } from './dom';
import { dollars, duration, number, percent, words } from './format';

const kNames: Record<TextKind, string> = {
  why: 'Why', diff: 'Change', log: 'Log', answer: 'Answer', prompt: 'Prompt', judged: 'Judge',
};
const kOrder: TextKind[] = ['diff', 'why', 'log', 'answer', 'prompt', 'judged'];

// What shows it where the page does not.
function commandFor(run: string, n: number, kind: TextKind): string {
  if (kind === 'diff') return `coppice diff ${run} ${n}`;
  if (kind === 'judged') return `coppice show ${run} ${n}`;
  return `coppice show ${run} ${n} --${kind}`;
}

function row(name: string, ...value: (HTMLElement | string)[]): HTMLElement[] {
  return [el('dt', {}, name), el('dd', {}, ...value)];
}

export class Panel {
  private readonly panel = byId('panel');
  private current: number | null = null;
  private tab: TextKind = 'diff';
  private back: HTMLElement | null = null;

  constructor(private readonly model: Model, private readonly changed: (n: number | null) => void) {
    this.panel.setAttribute('role', 'dialog');
    document.addEventListener('keydown', (event) => this.key(event));
  }

  get node(): number | null {
    return this.current;
  }

  open(n: number): void {
    const node = this.model.node(n);
    if (!node) return;
    if (this.current === null) this.back = document.activeElement as HTMLElement | null;
    this.current = n;
    this.panel.hidden = false;
    document.body.classList.add('with-panel');
    this.draw(node);
    this.changed(n);
  }

  close(): void {
    if (this.current === null) return;
    this.current = null;
    this.panel.hidden = true;
    document.body.classList.remove('with-panel');
    this.changed(null);
    this.back?.focus({ preventScroll: true });
  }

  // The same node, if news changed it.
  refresh(news: Set<number>): void {
    const node = this.current === null ? undefined : this.model.node(this.current);
    if (node && news.has(node.n)) this.draw(node);
  }

  private key(event: KeyboardEvent): void {
    if (this.current === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement) return;
    if (event.key === 'Escape') this.close();
    else if (event.key === '[' || event.key === 'p') this.step(-1);
    else if (event.key === ']' || event.key === 'n') this.step(1);
    else return;
    event.preventDefault();
  }

  private step(by: number): void {
    const all = this.model.sorted;
    const next = all[all.findIndex((node) => node.n === this.current) + by];
    if (next) this.open(next.n);
  }

  private link(n: number): HTMLElement {
    return el('a', { href: `#${n}` }, `#${n}`);
  }

  private draw(node: Node): void {
    const button = (text: string, name: string, onclick: () => void) =>
      el('button', { type: 'button', title: name, 'aria-label': name, onclick }, text);
    const heading = el('h2', { id: 'panel-title', tabindex: '-1' },
      node.idea || (node.n === 0 ? 'The code as it is' : words(node.outcome)));
    const texts = el('div', { class: 'texts' }, el('p', { class: 'muted' }, 'Reading\u2026'));
    this.panel.setAttribute('aria-labelledby', 'panel-title');
    this.panel.replaceChildren(
      el('div', { class: 'panel-bar' },
        el('span', { class: 'panel-name' }, `Node ${node.n}`),
        el('span', { class: `pill ${node.outcome}` }, words(node.outcome)),
        el('span', { class: 'space' }),
        button('\u2190', 'The attempt before ( [ )', () => this.step(-1)),
        button('\u2192', 'The next attempt ( ] )', () => this.step(1)),
        button('\u00d7', 'Close (Esc)', () => this.close())),
      el('div', { class: 'panel-body' },
        heading,
        node.reason && node.reason !== node.outcome ? el('p', { class: 'reason' }, node.reason) : null,
        this.facts(node), this.plan(node), texts));
    this.panel.scrollTop = 0;
    heading.focus({ preventScroll: true });
    this.model.texts(node.n).then(
      (found) => { if (this.current === node.n) this.drawTexts(node, found, texts); },
      (error: unknown) => { texts.replaceChildren(el('p', { class: 'muted' }, `Its texts could not be read: ${String(error)}`)); });
  }

  private facts(node: Node): HTMLElement {
    const { run } = this.model.data;
    const list = el('dl', { class: 'facts' });
    const add = (name: string, ...value: (HTMLElement | string)[]) => list.append(...row(name, ...value));
    if (node.value !== undefined) {
      const gain = gainOf(this.model, node);
      add(run.metric, el('b', {}, number(node.value)), ...(gain === undefined ? [] : [
        ', ', el('span', { class: gain > 0 ? 'up' : 'down' },
          `${percent(Math.abs(gain), false)} ${gain >= 0 ? 'better' : 'worse'} than the baseline`)]));
    }
    if (node.gain && node.parents[0] !== 0) {
      add('at the time', `${percent(node.gain[0])} over its parent, ${percent(node.gain[1])} over the best`);
    }
    for (const [phase, values] of Object.entries(node.samples ?? {})) {
      add(`${phase} samples`, el('span', { class: 'mono' }, values.map(number).join('  ')));
    }
    const others = Object.entries(node.metrics ?? {}).filter(([name]) => name !== run.metric);
    if (others.length > 0) {
      add('also', others.map(([name, value]) => `${name} ${number(value)}`).join(', '));
    }
    if (node.parents.length > 0) {
      add(node.parents.length > 1 ? 'parents' : 'parent',
        ...node.parents.flatMap((parent, i) => [i > 0 ? ', ' : '', this.link(parent)]));
    }
    if (node.n !== 0) add('made by', [node.op, node.arm, node.plan?.category,
      node.fresh ? 'without history' : ''].filter(Boolean).join(', '));
    if (node.files) add('files', el('span', { class: 'mono' }, node.files));
    if (node.flags) add('flags', node.flags);
    const seconds = node.seconds ?? [0, 0, 0, 0];
    const phases = ['proposing', 'build', 'checks', 'measuring'].flatMap((name, i) =>
      (seconds[i] ?? 0) >= 0.05 ? [`${name} ${duration(seconds[i] ?? 0)}`] : []);
    if (phases.length > 0) add('time', phases.join(', '));
    if (node.usd || node.tokens) {
      const tokens = node.tokens ? `${node.tokens[0].toLocaleString('en-US')} tokens in, ${node.tokens[1].toLocaleString('en-US')} out` : '';
      add('cost', [node.usd ? dollars(node.usd) : '', tokens].filter(Boolean).join(', '));
    }
    if (node.commit) add('commit', el('span', { class: 'mono' }, node.commit.slice(0, 12)));
    return list;
  }

  private plan(node: Node): HTMLElement | null {
    const plan = node.plan ?? {};
    const list = el('dl', { class: 'plan' });
    const add = (name: string, text?: string) => { if (text) list.append(...row(name, text)); };
    add('Bottleneck', plan.bottleneck);
    add('Alternatives', plan.alternatives);
    add('Expected', plan.expect);
    add('Risk', plan.risk);
    add('Needs', plan.needs);
    add('What it taught', node.lesson);
    return list.childElementCount > 0 ? el('section', {}, el('h3', {}, 'Plan'), list) : null;
  }

  private drawTexts(node: Node, texts: Texts, into: HTMLElement): void {
    const { run } = this.model.data;
    const kinds = kOrder.filter((kind) => texts.found[kind]);
    const left = texts.left.filter((kind) => kind !== 'judged'
      && (node.n !== 0 || (kind !== 'diff' && kind !== 'answer' && kind !== 'prompt')));
    const body = el('div', { class: 'tab-body', role: 'tabpanel' });
    const tabs = el('div', { class: 'tabs', role: 'tablist' });
    const choose = (kind: TextKind, focus: boolean) => {
      this.tab = kind;
      const text = texts.found[kind] ?? '';
      body.replaceChildren(kind === 'diff' ? diffView(text) : el('pre', { class: 'text' }, text));
      tabs.replaceChildren(...kinds.map((one) => el('button', {
        type: 'button', role: 'tab', 'aria-selected': String(one === kind),
        tabindex: one === kind ? '0' : '-1', onclick: () => choose(one, true),
        onkeydown: (event: Event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[(event as KeyboardEvent).key];
          const next = by && kinds[(kinds.indexOf(kind) + by + kinds.length) % kinds.length];
          if (next) { choose(next, true); event.preventDefault(); }
        },
      }, kNames[one])));
      if (focus) (tabs.children[kinds.indexOf(kind)] as HTMLElement | undefined)?.focus();
    };
    const first = kinds.includes(this.tab) ? this.tab : kinds[0];
    into.replaceChildren(...(first ? [tabs, body] : []));
    if (first) choose(first, false);
    if (left.length > 0) {
      into.append(el('div', { class: 'left-out' },
        el('p', { class: 'muted' }, 'Not on this page, which has a limited size:'),
        ...left.map((kind) => command(commandFor(run.id, node.n, kind)))));
    }
  }
}
