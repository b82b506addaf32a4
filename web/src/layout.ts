import type { Node } from './data';

// Where the nodes of the tree stand. It grows upwards from its stool, the
// baseline: a node stands above its first parent, in the middle of what grew
// from it. Children that nothing grew from are packed into a tuft, so that a
// node with hundreds of fruitless attempts stays a node with some foliage.
//
// The tidy tree of Wetherell and Shannon (1979), with a width for each subtree
// in place of one for each leaf.

export interface Place { x: number; y: number; tuft: boolean }
export interface Layout {
  places: Map<number, Place>;
  children: Map<number, number[]>; // by first parent, in order of attempts
  width: number;
  height: number;
}

const kGap = 0.35; // between subtrees

interface Tuft { nodes: number[]; columns: number }

export function layOut(nodes: Node[]): Layout {
  const children = new Map<number, number[]>();
  for (const node of nodes) {
    const parent = node.parents[0];
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    if (siblings) siblings.push(node.n); else children.set(parent, [node.n]);
  }
  const grows = (n: number): boolean => (children.get(n)?.length ?? 0) > 0;
  const tufts = new Map<number, Tuft>();
  const widths = new Map<number, number>();
  // Parents come before their children in `nodes`: backwards, children first.
  for (let i = nodes.length - 1; i >= 0; --i) {
    const n = nodes[i]!.n;
    const all = children.get(n) ?? [];
    const leaves = all.filter((child) => !grows(child));
    const columns = leaves.length <= 4 ? leaves.length : Math.ceil(Math.sqrt(leaves.length * 1.6));
    tufts.set(n, { nodes: leaves, columns });
    const parts = all.filter(grows).map((child) => widths.get(child) ?? 1);
    if (columns > 0) parts.push(columns * 0.62);
    const sum = parts.reduce((a, b) => a + b, 0) + kGap * Math.max(0, parts.length - 1);
    widths.set(n, Math.max(1, sum));
  }
  const places = new Map<number, Place>();
  const root = nodes[0];
  let height = 0;
  if (root) {
    const open: { n: number; left: number; y: number }[] = [{ n: root.n, left: 0, y: 0 }];
    while (open.length > 0) {
      const { n, left, y } = open.pop()!;
      const width = widths.get(n) ?? 1;
      places.set(n, { x: left + width / 2, y, tuft: false });
      height = Math.max(height, y);
      const tuft = tufts.get(n) ?? { nodes: [], columns: 0 };
      const growing = (children.get(n) ?? []).filter(grows);
      const tuftWidth = tuft.columns * 0.62;
      const parts = growing.length + (tuft.columns > 0 ? 1 : 0);
      const used = growing.reduce((sum, child) => sum + (widths.get(child) ?? 1), 0)
        + tuftWidth + kGap * Math.max(0, parts - 1);
      let at = left + (width - used) / 2;
      // The tuft in the middle: its stems then cross no branch.
      const middle = Math.floor(growing.length / 2);
      growing.forEach((child, i) => {
        if (i === middle && tuft.columns > 0) at = placeTuft(tuft, at, y, places) + kGap;
        open.push({ n: child, left: at, y: y + 1 });
        at += (widths.get(child) ?? 1) + kGap;
      });
      if (growing.length === 0 && tuft.columns > 0) placeTuft(tuft, at, y, places);
      if (tuft.nodes.length > 0) height = Math.max(height, y + 1);
    }
  }
  return { places, children, width: widths.get(root?.n ?? 0) ?? 1, height: Math.max(height, 1) };
}

// Returns its right end. Rows fill what is left of the way to the next level.
function placeTuft(tuft: Tuft, left: number, y: number, places: Map<number, Place>): number {
  const rows = Math.ceil(tuft.nodes.length / tuft.columns);
  const step = rows > 1 ? Math.min(0.2, 0.5 / (rows - 1)) : 0;
  tuft.nodes.forEach((n, i) => {
    const row = Math.floor(i / tuft.columns);
    const inRow = Math.min(tuft.columns, tuft.nodes.length - row * tuft.columns);
    const column = i - row * tuft.columns + (tuft.columns - inRow) / 2;
    places.set(n, { x: left + (column + 0.5) * 0.62, y: y + 0.66 + row * step, tuft: true });
  });
  return left + tuft.columns * 0.62;
}
