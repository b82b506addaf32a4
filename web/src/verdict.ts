import type { Model } from './data';
import { byId, command, el, show, svg } from './dom';
import { count, dollars, duration, number } from './format';
import { isDark, onTheme, toggleTheme } from './theme';

function sprout(): SVGElement {
  return svg('svg', { viewBox: '0 0 24 24', class: 'mark', 'aria-hidden': 'true' },
    svg('path', { d: 'M4 21h16', class: 'soil' }),
    svg('path', { d: 'M12 21V10M12 16C9 15 7 12.5 7 9M12 14c3-1 5-3.5 5-7', class: 'stem' }),
    svg('circle', { cx: '12', cy: '8', r: '2.6', class: 'leaf top' }),
    svg('circle', { cx: '7', cy: '7.6', r: '2', class: 'leaf' }),
    svg('circle', { cx: '17', cy: '5.6', r: '2', class: 'leaf' }));
}

let theme: HTMLElement | null = null;
function themeButton(): HTMLElement {
  if (theme) return theme;
  const button = el('button', { type: 'button', class: 'theme', onclick: toggleTheme });
  const label = () => {
    const to = isDark() ? 'light' : 'dark';
    button.textContent = isDark() ? '\u2600' : '\u263e';
    button.title = `Show it ${to}`;
    button.setAttribute('aria-label', `Show it ${to}`);
  };
  label();
  onTheme(label);
  theme = button;
  return button;
}

const kAtRest = new Set(['finished', 'interrupted', 'paused']);

export function drawBar(model: Model, connected: boolean | null): void {
  const { run, status, live } = model.data;
  const word = live && connected === false ? 'not connected' : status.status;
  byId('bar').replaceChildren(
    el('div', { class: 'bar-in' },
      sprout(),
      el('span', { class: 'bar-name' }, run.name),
      el('span', { class: 'bar-run' }, run.id),
      el('span', { class: 'space' }),
      el('span', { class: `pill status ${kAtRest.has(status.status) ? '' : 'going'}`, role: 'status' }, word),
      themeButton()));
}

function stat(name: string, value: string, note = ''): HTMLElement {
  return el('div', { class: 'stat' }, el('dt', {}, name), el('dd', {}, value),
    note ? el('dd', { class: 'note' }, note) : null);
}

function stats(model: Model): HTMLElement {
  const { status, noise, hours, spent, effort } = model.data;
  const outcomes = status.outcomes;
  const improved = outcomes['improved'] ?? 0;
  const limit = status.cost.limit;
  return el('dl', { class: 'stats' },
    stat('Attempts', String(status.current_step),
      status.pending_nodes > 0 ? `${status.pending_nodes} under way`
        : status.total_steps ? `of ${status.total_steps}` : ''),
    stat('New bests', String(improved), improved > 0 ? `one in ${Math.round(status.current_step / improved)}` : ''),
    stat('Time', duration(hours * 3600), `${duration(effort.measure_seconds)} measuring`),
    stat('Cost', spent, limit !== null ? `of ${dollars(limit)}` : ''),
    stat('Samples', effort.samples.toLocaleString('en-US'), ''),
    stat('Noise', noise.text, noise.tau ? `a gain counts above ${number(noise.tau)}` : ''));
}

function confidence(model: Model): HTMLElement | null {
  const found = model.data.verdict.confidence;
  if (!found) return null;
  return el('p', { class: `chip ${found.word}` }, found.sentence);
}

function change(model: Model): HTMLElement | null {
  const { verdict, run } = model.data;
  if (verdict.from === null) return null;
  const line = el('p', { class: 'change' }, el('span', { class: 'metric' }, run.metric), ' ',
    el('span', { class: verdict.to === null ? 'to' : 'from' }, number(verdict.from)));
  if (verdict.to !== null) {
    line.append(' \u2192 ', el('b', { class: 'to' }, number(verdict.to)), ' ',
      el('span', { class: 'delta' }, verdict.change.replace('-', '\u2212')));
  }
  return line;
}

function waiting(model: Model): HTMLElement | null {
  const { status } = model.data;
  if (status.paused) {
    return el('div', { class: 'paused' },
      el('p', {}, `Paused: ${status.paused.detail || status.paused.cause}`), command(status.paused.next));
  }
  if (status.waiting.length === 0 || kAtRest.has(status.status)) return null;
  const shown = status.waiting.slice(0, 3).map((one) => `#${one.node} ${one.phase}`).join(', ');
  const more = status.waiting.length - 3;
  const eta = status.eta === null ? '' : `; at most ${duration(status.eta)} to go`;
  return el('p', { class: 'muted' }, `Under way: ${shown}${more > 0 ? ` and ${more} more` : ''}${eta}`);
}

export function drawVerdict(model: Model): void {
  const { verdict, run, status } = model.data;
  const lines = [
    verdict.final ? `On fresh samples at the end: ${verdict.final}.` : '',
    verdict.overruled ? `But ${verdict.overruled}.` : '',
    verdict.kind === 'none' ? `Baseline: ${verdict.baseline}.` : '',
    verdict.stop && verdict.kind !== 'open' ? `It ended because: ${verdict.stop}.` : '',
    ...verdict.impact.map((line) => `${line}.`),
  ].filter(Boolean);
  show('verdict',
    el('div', { class: 'verdict-main' },
      el('p', { class: 'goal' }, run.goal),
      el('h1', { class: verdict.kind }, verdict.headline),
      change(model), confidence(model),
      ...lines.map((line) => el('p', { class: 'detail' }, line)),
      waiting(model)),
    stats(model));
  document.title = `${run.name}: ${verdict.headline}`;
  byId('foot').replaceChildren(el('p', {},
    `coppice ${run.coppice} \u00b7 ${count(status.current_step, 'attempt')} \u00b7 made ${model.data.made}`));
}
