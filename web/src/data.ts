// What report/page.h writes, and where long texts come from.

export type Outcome = string;

export interface Plan {
  category?: string;
  bottleneck?: string;
  alternatives?: string;
  expect?: string;
  risk?: string;
  needs?: string;
}

export interface Node {
  n: number;
  parents: number[];
  op: string;
  outcome: Outcome;
  value?: number;
  idea?: string;
  reason?: string;
  commit?: string;
  pruned?: boolean;
  arm?: string;
  chain?: number;
  fresh?: boolean;
  plan?: Plan;
  files?: string;
  edits?: string;
  flags?: string;
  gain?: [number, number, number]; // over the parent, the best of then, the baseline
  usd?: number;
  tokens?: [number, number];
  seconds?: [number, number, number, number]; // propose, build, checks, measure
  at?: number; // seconds since the start of the run
  samples?: Record<string, number[]>;
  metrics?: Record<string, number>;
  lesson?: string;
}

export interface Tally {
  name: string;
  attempts: number;
  improved: number;
  measured: number;
  failed: number;
  gain: number;
  usd: number;
}

export interface Call {
  arm: string;
  op: string;
  role: string;
  calls: number;
  failed: number;
  input: number;
  cached: number;
  output: number;
  usd: number;
  unpriced: number;
}

export interface Summary {
  format: number;
  live: boolean;
  seq: number;
  made: string;
  run: {
    id: string;
    name: string;
    goal: string;
    metric: string;
    minimize: boolean;
    target: number | null;
    policy: string;
    scope: string[];
    instructions: string[];
    checks: string[];
    command: string;
    holdout: boolean;
    base: string;
    started: string;
    seed: number;
    coppice: string;
  };
  status: {
    status: string;
    current_step: number;
    total_steps: number | null;
    pending_nodes: number;
    outcomes: Record<string, number>;
    cost: { spent: number | null; reserved: number; limit: number | null };
    tokens: { input: number; output: number; limit: number | null };
    nodes_per_hour: number;
    slots: { busy: number; total: number };
    limiting: string;
    eta: number | null;
    waiting: { node: number; phase: string; since: string; why: string }[];
    paused: null | { class: string; cause: string; detail: string; next: string };
  };
  hours: number;
  spent: string;
  verdict: {
    headline: string;
    kind: 'confirmed' | 'none' | 'open';
    best: number;
    from: number | null;
    to: number | null;
    change: string;
    confidence: null | { word: string; sentence: string; gain: number; ratio: number };
    final?: string;
    overruled?: string; // where the final decided otherwise than the search
    word?: string;
    holdout?: number | null;
    baseline: string;
    stop: string;
    impact: string[];
  };
  noise: { text: string; repeats: number; tau: number | null };
  curve: [number, number, number, number][]; // attempt, seconds, dollars, best so far
  lineage: { n: number; value: number | null; gain?: number | null }[];
  effort: {
    operators: Tally[];
    arms: Tally[];
    categories: Tally[];
    files: { path: string; changed: number; improved: number }[];
    calls: Call[];
    samples: number;
    measure_seconds: number;
    wasted_seconds: number;
    never_measured: number;
    usd: number;
    gain: number;
  };
  failures: {
    outcome: Outcome;
    count: number;
    rule: string;
    nodes: number[];
    reasons: { text: string; count: number }[];
  }[];
  proof: {
    final: { n: number; value: number; values: number[] }[];
    gates: { name: string; rule: string; base: number | null; best: number | null }[];
    notes: string[];
  };
  limits: string[];
  next: { text: string; command: string }[];
  environment: [string, string][];
}

export interface PageData extends Summary {
  nodes: Node[];
  nodes_left_out?: number;
  texts?: {
    pieces: string[];
    of: Record<string, Record<string, number[] | string[]>>;
  };
}

export const kTexts = ['why', 'diff', 'log', 'answer', 'prompt', 'judged'] as const;
export type TextKind = (typeof kTexts)[number];
export interface Texts {
  found: Partial<Record<TextKind, string>>;
  left: TextKind[]; // exist, but found no room on the page
}

export const better = (data: Summary, a: number, b: number): boolean =>
  data.run.minimize ? a < b : a > b;

// Of now, as a fraction of the baseline; positive = better.
export function gainOf(model: Model, node: Node): number | undefined {
  const from = model.node(0)?.value;
  if (node.value === undefined || node.n === 0 || !from) return undefined;
  const change = (node.value - from) / Math.abs(from);
  return model.data.run.minimize ? -change : change;
}

export const kMeasured: ReadonlySet<Outcome> = new Set([
  'baseline', 'improved', 'valid', 'inconclusive',
]);
// Attempts that never became a commit.
export const kRejected: ReadonlySet<Outcome> = new Set([
  'duplicate', 'scope_violation', 'edit_failed',
]);

export type Group = 'best' | 'improved' | 'measured' | 'unclear' | 'failed' | 'rejected' | 'open';
export function groupOf(node: Node, best: number): Group {
  if (node.outcome === 'pending') return 'open';
  if (node.n === best && best !== 0) return 'best';
  if (node.outcome === 'improved') return 'improved';
  if (node.outcome === 'inconclusive') return 'unclear';
  if (kMeasured.has(node.outcome)) return 'measured';
  return kRejected.has(node.outcome) || node.outcome === 'cancelled' || !node.commit
    ? 'rejected' : 'failed';
}

// All that the page knows, changed by news of a live run.
export class Model {
  readonly nodes = new Map<number, Node>();
  constructor(public data: PageData) {
    for (const node of data.nodes) this.nodes.set(node.n, node);
  }

  update(news: PageData): void {
    for (const node of news.nodes) this.nodes.set(node.n, node);
    this.data = { ...news, nodes: [...this.nodes.values()].sort((a, b) => a.n - b.n) };
  }

  node(n: number): Node | undefined {
    return this.nodes.get(n);
  }
  get sorted(): Node[] {
    return this.data.nodes;
  }

  async texts(n: number): Promise<Texts> {
    if (this.data.live) {
      const reply = await fetch(`node/${n}`);
      if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
      return { found: (await reply.json()) as Texts['found'], left: [] };
    }
    const texts = this.data.texts;
    const entry = texts?.of[String(n)];
    if (!texts || !entry) return { found: {}, left: [...kTexts] };
    const found: Texts['found'] = {};
    for (const kind of kTexts) {
      const pieces = entry[kind] as number[] | undefined;
      if (pieces) found[kind] = pieces.map((i) => texts.pieces[i] ?? '').join('');
    }
    return { found, left: (entry['left'] ?? []) as TextKind[] };
  }
}

export function readPage(): PageData {
  const element = document.getElementById('page-data');
  return JSON.parse(element?.textContent ?? 'null') as PageData;
}
