import { kTexts, type Model, type Tally } from './data';
import { bar, command, el, show, svg, title } from './dom';
import { count, dollars, duration, number, percent, when, words } from './format';

type Open = (n: number) => void;

const nodeButton = (n: number, open: Open, text = `#${n}`): HTMLElement =>
  el('button', { type: 'button', class: 'node-link', onclick: () => open(n) }, text);

// The winner's path, a step a line, with what each gained.
export function drawLineage(model: Model, open: Open): void {
  const { lineage, run } = model.data;
  if (lineage.length < 2) return show('lineage');
  const most = Math.max(...lineage.map((step) => Math.abs(step.gain ?? 0)), 1e-12);
  const steps = lineage.map((step) => {
    const node = model.node(step.n);
    const gain = step.gain ?? null;
    const why = node?.plan?.bottleneck ?? node?.plan?.expect ?? '';
    return el('li', { class: `step ${node?.outcome ?? ''}` },
      el('div', { class: 'step-value' },
        el('b', {}, step.value === null ? words(node?.outcome ?? '') : number(step.value)),
        gain === null ? null : el('span', { class: gain >= 0 ? 'up' : 'down' }, percent(gain))),
      el('div', { class: 'step-body' },
        el('div', { class: 'step-head' }, nodeButton(step.n, open),
          el('span', { class: 'muted' }, [node?.op, node?.arm].filter(Boolean).join(' \u00b7 '))),
        el('p', { class: 'step-idea' }, step.n === 0 ? 'The code as it is' : node?.idea || words(node?.outcome ?? '')),
        why ? el('p', { class: 'muted clip' }, why) : null,
        node?.lesson ? el('p', { class: 'lesson clip' }, node.lesson) : null,
        gain === null ? null : bar(Math.abs(gain) / most, gain >= 0 ? 'up' : 'down')));
  });
  show('lineage',
    title('lineage', 'Why the best is good',
      `The way from the baseline to #${model.data.verdict.best}, ${run.metric} and gain of each step`),
    el('ol', { class: 'steps' }, ...steps));
}

export function drawAdvice(model: Model): void {
  const { limits, next } = model.data;
  const parts = [
    limits.length > 0 ? el('div', {}, title('limits', 'What limited the search'),
      el('ul', { class: 'plain' }, ...limits.map((line) => el('li', {}, line)))) : null,
    next.length > 0 ? el('div', {}, title('next', 'What to try next'),
      el('ul', { class: 'plain' }, ...next.map((hint) => el('li', {}, hint.text,
        hint.command ? command(hint.command) : null)))) : null,
  ].filter((part): part is HTMLDivElement => part !== null);
  if (parts.length === 0) return show('advice');
  show('advice', el('div', { class: 'columns' }, ...parts));
}

function tallies(name: string, all: Tally[], cost: boolean): HTMLElement | null {
  if (all.length === 0) return null;
  const most = Math.max(...all.map((one) => one.attempts), 1);
  const head = [name, '', 'attempts', 'new bests', 'failed', 'gain an attempt', ...(cost ? ['cost'] : [])];
  return el('div', { class: 'scroll' }, el('table', { class: 'tally' },
    el('thead', {}, el('tr', {}, ...head.map((text, i) => el('th', i < 2 ? {} : { class: 'number' }, text)))),
    el('tbody', {}, ...all.map((one) => el('tr', {},
      el('td', { class: 'clip-cell' }, one.name),
      el('td', { class: 'bars' }, parts(one, most)),
      el('td', { class: 'number' }, String(one.attempts)),
      el('td', { class: 'number' }, one.improved > 0 ? el('b', {}, String(one.improved)) : '0'),
      el('td', { class: 'number' }, String(one.failed)),
      el('td', { class: 'number' }, one.attempts > 0 && one.gain !== 0 ? percent(one.gain / one.attempts) : '\u2013'),
      cost ? el('td', { class: 'number' }, dollars(one.usd)) : null)))));
}

// New bests, other measured ones, the rest.
function parts(one: Tally, most: number): HTMLElement {
  const meter = el('span', { class: 'meter' });
  const add = (n: number, kind: string) => {
    const part = el('span', { class: `fill ${kind}` });
    part.style.width = `${(100 * n) / most}%`;
    if (n > 0) meter.append(part);
  };
  add(one.improved, 'up');
  add(one.measured - one.improved, 'flat');
  add(one.attempts - one.measured, 'lost');
  return meter;
}

export function drawEffort(model: Model): void {
  const { effort } = model.data;
  if (effort.operators.length === 0) return show('effort');
  const cost = effort.usd > 0;
  const lines = [
    `${count(effort.samples, 'sample')} took ${duration(effort.measure_seconds)}` +
      (effort.wasted_seconds > 0 ? `, ${duration(effort.wasted_seconds)} of it on attempts that failed` : ''),
    effort.gain > 0 && effort.usd > 0 ? `${percent(effort.gain / effort.usd, false)} gained a dollar` : '',
  ].filter(Boolean);
  const calls = effort.calls.filter((call) => call.input + call.output > 0);
  const categories = effort.categories.filter((one) => one.name !== '(none)');
  show('effort',
    title('effort', 'Where the effort went', lines.join('; ')),
    el('p', { class: 'legend' },
      el('span', { class: 'key' }, el('i', { class: 'dot improved' }), 'new best'),
      el('span', { class: 'key' }, el('i', { class: 'dot fair' }), 'measured, no gain'),
      el('span', { class: 'key' }, el('i', { class: 'dot lost' }), 'no value')),
    tallies('Proposer', effort.arms, cost),
    tallies('Operator', effort.operators, cost),
    categories.length > 0 ? tallies('Kind of idea', categories, cost) : null,
    effort.files.length > 1 ? el('div', { class: 'scroll' }, el('table', { class: 'tally' },
      el('thead', {}, el('tr', {}, el('th', {}, 'File'), el('th', { class: 'number' }, 'changed by'), el('th', { class: 'number' }, 'new bests'))),
      el('tbody', {}, ...effort.files.map((file) => el('tr', {},
        el('td', { class: 'mono clip-cell' }, file.path),
        el('td', { class: 'number' }, String(file.changed)),
        el('td', { class: 'number' }, String(file.improved))))))) : null,
    calls.length > 0 ? el('details', {}, el('summary', {}, 'Every call, by what it was for'),
      el('div', { class: 'scroll' }, el('table', { class: 'tally' },
        el('thead', {}, el('tr', {}, ...['Proposer', 'Operator', 'Purpose', 'calls', 'failed', 'tokens in', 'cached', 'out', 'cost']
          .map((text, i) => el('th', i < 3 ? {} : { class: 'number' }, text)))),
        el('tbody', {}, ...calls.map((call) => el('tr', {},
          el('td', { class: 'clip-cell' }, call.arm), el('td', {}, call.op), el('td', {}, call.role),
          ...[call.calls, call.failed, call.input, call.cached, call.output].map((n) =>
            el('td', { class: 'number' }, n.toLocaleString('en-US'))),
          el('td', { class: 'number' }, call.unpriced > 0 && call.usd === 0 ? 'unknown' : dollars(call.usd)))))))) : null);
}

export function drawFailures(model: Model, open: Open): void {
  const { failures } = model.data;
  if (failures.length === 0) return show('failures');
  const most = Math.max(...failures.map((one) => one.count));
  const total = failures.reduce((sum, one) => sum + one.count, 0);
  show('failures',
    title('failures', 'What failed, by class', `${count(total, 'attempt')} brought no value that may be compared`),
    el('ul', { class: 'failures' }, ...failures.map((one) => el('li', {},
      el('div', { class: 'failure-head' }, el('b', {}, words(one.outcome)),
        bar(one.count / most, 'failed'), el('span', { class: 'number' }, String(one.count))),
      el('p', { class: 'muted' }, one.rule),
      el('ul', { class: 'reasons' }, ...one.reasons.map((reason) => el('li', {},
        el('span', { class: 'mono' }, reason.text), reason.count > 1 ? el('span', { class: 'muted' }, ` \u00d7 ${reason.count}`) : null))),
      el('p', { class: 'nodes' }, ...one.nodes.map((n) => nodeButton(n, open)),
        one.count > one.nodes.length ? el('span', { class: 'muted' }, ` and ${one.count - one.nodes.length} more`) : null)))));
}

// Each sample of the final race as a dot on one scale.
function race(model: Model, open: Open): HTMLElement | null {
  const finals = model.data.proof.final;
  const values = finals.flatMap((one) => one.values);
  if (values.length < 2) return null;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const at = (value: number) => (high === low ? 50 : 2 + (96 * (value - low)) / (high - low));
  return el('div', { class: 'race' }, ...finals.map((one) => el('div', { class: 'race-row' },
    nodeButton(one.n, open, one.n === 0 ? 'baseline' : `#${one.n}`),
    svg('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', class: 'strip', 'aria-hidden': 'true' },
      svg('line', { x1: '0', x2: '100', y1: '5', y2: '5', class: 'axis' }),
      ...one.values.map((value) => svg('line', {
        x1: at(value), x2: at(value), y1: '1.5', y2: '8.5',
        class: one.n === model.data.verdict.best ? 'tick best' : 'tick',
      }))),
    el('span', { class: 'number' }, number(one.value)),
    el('span', { class: 'muted number' }, `n ${one.values.length}`))));
}

export function drawProof(model: Model, open: Open): void {
  const { proof, run, verdict, noise } = model.data;
  const facts = [
    run.checks.length > 0 ? `Every measured node passed: ${run.checks.join('; ')}` : 'No checks were given: nothing but the metric was verified',
    run.holdout ? (verdict.holdout === undefined || verdict.holdout === null ? 'A holdout was given' : `On the holdout the winner gained ${percent(verdict.holdout)}`) : 'No holdout was given',
    `Noise ${noise.text}, ${count(noise.repeats, noise.repeats === 1 ? 'sample' : 'pair')} a comparison`,
    ...proof.notes,
  ];
  show('proof',
    title('proof', 'How it was verified'),
    el('ul', { class: 'plain' }, ...facts.map((fact) => el('li', {}, fact))),
    proof.final.length > 0 ? el('div', {}, el('h3', {}, 'The final race'),
      el('p', { class: 'note' }, 'Fresh samples alone, taken in turns; every line is one'), race(model, open)) : null,
    proof.gates.length > 0 ? el('div', { class: 'scroll' }, el('table', { class: 'tally' },
      el('thead', {}, el('tr', {}, el('th', {}, 'Gate or guard'), el('th', {}, 'rule'),
        el('th', { class: 'number' }, 'baseline'), el('th', { class: 'number' }, 'best'))),
      el('tbody', {}, ...proof.gates.map((gate) => el('tr', {}, el('td', {}, gate.name),
        el('td', { class: 'mono' }, gate.rule), el('td', { class: 'number' }, number(gate.base)),
        el('td', { class: 'number' }, number(gate.best))))))) : null);
}

export function drawAbout(model: Model): void {
  const { run, environment, verdict } = model.data;
  const commands = [
    `coppice replay ${run.id}`, `coppice show ${run.id} best --why`,
    `coppice diff ${run.id} best --against base`,
    ...(verdict.best !== 0 ? [`coppice export ${run.id}`] : []),
  ];
  const facts: [string, string][] = [
    ['started', when(run.started)], ['base', run.base.slice(0, 12)], ['may change', run.scope.join(', ')],
    ['measured by', run.command], ['policy', `${run.policy}, seed ${run.seed}`], ...environment,
  ];
  const left = model.data.nodes_left_out ?? 0;
  const texts = model.data.texts;
  const without = texts ? model.sorted.filter((node) => {
    const entry = texts.of[String(node.n)];
    return !entry || kTexts.some((kind) => (entry['left'] as string[] | undefined)?.includes(kind));
  }).length : 0;
  show('about',
    title('about', 'Where it was measured, and how to see it again'),
    el('div', { class: 'columns' },
      el('dl', { class: 'facts' }, ...facts.flatMap(([name, text]) =>
        [el('dt', {}, name), el('dd', { class: 'mono' }, text)])),
      el('div', {}, ...commands.map(command))),
    left > 0 ? el('p', { class: 'note' }, `${count(left, 'attempt')} are not on this page, which has a limited size: `, command('coppice top --all')) : null,
    without > 0 ? el('p', { class: 'note' }, `Of ${count(without, 'attempt')} some long texts are not on this page, which has a limited size; the panel of each names the command that shows them.`) : null);
}
