import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from 'echarts';
import type { ECharts } from 'echarts/core';
import { chartIn, kFont, kTooltip, nodeTip } from './charts';
import { better, groupOf, kMeasured, type Group, type Model, type Node } from './data';
import { el, show, title } from './dom';
import { count, number, words } from './format';
import { layOut, type Layout } from './layout';
import { mix, onTheme, palette, type Palette } from './theme';

const kLegend: [Group, string][] = [
  ['best', 'best'], ['improved', 'improved'], ['measured', 'measured'],
  ['unclear', 'not confirmed'], ['failed', 'failed'], ['rejected', 'never measured'],
  ['open', 'under way'],
];

// How one node looks; its place is in the data of the series.
interface Look {
  shape: 'circle' | 'diamond' | 'square';
  radius: number;
  style: { fill: string; stroke: string; lineWidth: number; opacity: number };
}

export class Tree {
  selected: number | null = null;
  private chart: ECharts | null = null;
  private layout: Layout = layOut([]);
  private filter = '';
  private onPath = new Set<number>();
  private size = 10;
  // Around the selected node. Not part of the chart, which would be drawn anew.
  private readonly ring = el('span', { class: 'ring', hidden: true });
  private readonly box = el('div', {
    class: 'chart tree-chart', tabindex: '0', role: 'application',
    'aria-label': 'The tree. Arrow keys go from node to node, Enter opens one.',
    onkeydown: (event: Event) => this.key(event as KeyboardEvent),
  });
  private readonly legend = el('div', { class: 'legend' });
  private readonly search = el('input', {
    type: 'search', placeholder: 'Find: 12, an idea, a file\u2026', 'aria-label': 'Find nodes',
    oninput: () => { this.filter = this.search.value.trim().toLowerCase(); this.paint(); },
    onkeydown: (event: Event) => {
      if ((event as KeyboardEvent).key !== 'Enter') return;
      const named = /^#?(\d+)$/.exec(this.filter)?.[1];
      const first = (named === undefined ? undefined : this.model.node(Number(named)))
        ?? this.model.sorted.find((node) => this.matches(node));
      if (first && this.filter) this.open(first.n);
    },
  });

  constructor(private readonly model: Model, private readonly open: (n: number) => void) {}

  draw(): void {
    if (this.model.sorted.length < 2) return show('tree');
    this.layout = layOut(this.model.sorted);
    if (!this.chart) {
      show('tree', el('div', { class: 'row' },
        title('tree', 'The tree', 'It grows from the baseline at its foot; the thick line leads to the best, and the greener a node, the nearer it came'),
        this.search),
      this.box,
      el('div', { class: 'row foot' }, this.legend, this.zoomButtons()));
      this.setHeight();
      this.chart = chartIn(this.box);
      this.chart.on('click', (event) => {
        const n = (event.data as number[] | undefined)?.[2];
        if (n !== undefined) this.open(n);
      });
      this.chart.on('finished', () => this.placeRing());
      this.chart.on('datazoom', () => this.placeRing());
      this.box.append(this.ring);
      onTheme(() => this.paint());
    }
    this.setHeight();
    this.onPath = new Set(this.model.data.lineage.map((step) => step.n));
    this.drawLegend();
    this.paint();
  }

  select(n: number | null): void {
    this.selected = n;
    this.placeRing();
  }

  private placeRing(): void {
    const place = this.selected === null ? undefined : this.layout.places.get(this.selected);
    const at = place && this.chart?.convertToPixel('grid', [place.x, place.y]);
    const inside = at && at[0]! >= 0 && at[1]! >= 0
      && at[0]! <= this.box.clientWidth && at[1]! <= this.box.clientHeight;
    this.ring.hidden = !inside;
    if (!inside) return;
    const width = this.size + 12;
    this.ring.style.width = this.ring.style.height = `${width}px`;
    this.ring.style.transform = `translate(${at[0]! - width / 2}px, ${at[1]! - width / 2}px)`;
  }

  private setHeight(): void {
    const wanted = 150 + this.layout.height * 64;
    this.box.style.height = `${Math.min(640, Math.max(300, wanted))}px`;
  }

  private zoomButtons(): HTMLElement {
    const zoom = (by: number) => {
      const options = this.chart?.getOption() as { dataZoom?: { start: number; end: number }[] };
      (options.dataZoom ?? []).forEach((one, dataZoomIndex) => {
        const middle = (one.start + one.end) / 2;
        const half = by === 0 ? 50 : Math.min(50, Math.max(1, ((one.end - one.start) / 2) * by));
        const at = by === 0 ? 50 : Math.min(100 - half, Math.max(half, middle));
        this.chart?.dispatchAction({
          type: 'dataZoom', dataZoomIndex, start: at - half, end: at + half,
        });
      });
    };
    const button = (text: string, name: string, by: number) => el('button', {
      type: 'button', title: name, 'aria-label': name, onclick: () => zoom(by),
    }, text);
    return el('div', { class: 'switch zoom' },
      button('+', 'Zoom in', 0.6), button('\u2212', 'Zoom out', 1 / 0.6), button('fit', 'Show all', 0));
  }

  private drawLegend(): void {
    const counts = new Map<Group, number>();
    for (const node of this.model.sorted) {
      const group = groupOf(node, this.model.data.verdict.best);
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    this.legend.replaceChildren(...kLegend.filter(([group]) => counts.has(group)).map(
      ([group, name]) => el('span', { class: 'key' },
        el('i', { class: `dot ${group}` }), `${name} `, el('b', {}, String(counts.get(group))))));
  }

  private matches(node: Node): boolean {
    if (!this.filter) return true;
    if (String(node.n) === this.filter.replace(/^#/, '')) return true;
    return [node.idea, node.files, node.outcome, words(node.outcome), node.op, node.arm,
      node.reason, node.plan?.category]
      .some((text) => text?.toLowerCase().includes(this.filter));
  }

  // How far between the baseline and the best its value is; below 0: worse.
  private share(node: Node): number {
    const { from, to } = {
      from: this.model.node(0)?.value, to: this.model.node(this.model.data.verdict.best)?.value,
    };
    if (node.value === undefined || from === undefined) return 0;
    if (to === undefined || to === from) return better(this.model.data, node.value, from) ? 0.5 : -1;
    return (node.value - from) / (to - from);
  }

  private look(node: Node, colours: Palette): Look {
    const group = groupOf(node, this.model.data.verdict.best);
    const share = Math.min(1, this.share(node));
    const measured = kMeasured.has(node.outcome);
    const ramp = share >= 0 ? mix(colours.fair, colours.good, share) : colours.worse;
    const colour = group === 'best' ? colours.best : measured ? ramp
      : group === 'failed' ? colours.failed : group === 'open' ? colours.open : colours.rejected;
    const scale = group === 'best' ? 1.9 : group === 'improved' ? 1.35 : group === 'failed' ? 0.75
      : node.n === 0 ? 1.4 : measured ? 0.85 : 0.62;
    const hollow = group === 'rejected';
    return {
      shape: group === 'failed' ? 'diamond' : node.n === 0 ? 'square' : 'circle',
      radius: (this.size * scale) / 2,
      style: {
        fill: hollow ? colours.surface : colour,
        stroke: group === 'unclear' ? colours.unclear : hollow ? colours.rejected : colours.surface,
        lineWidth: group === 'unclear' ? 1.75 : group === 'failed' ? 0 : 1,
        opacity: this.matches(node) ? 1 : 0.12,
      },
    };
  }

  private edges(): number[][] {
    return this.model.sorted.flatMap((node) => node.parents.flatMap((parent, i) => {
      const from = this.layout.places.get(parent);
      const to = this.layout.places.get(node.n);
      if (!from || !to) return [];
      const main = i === 0 && this.onPath.has(node.n) && this.onPath.has(parent);
      return [[from.x, from.y, to.x, to.y, main ? 2 : to.tuft ? 0 : 1, i]];
    })).sort((a, b) => a[4]! - b[4]!);
  }

  private paint(): void {
    if (!this.chart) return;
    const colours = palette();
    const nodes = this.model.sorted;
    this.size = Math.max(5, Math.min(15, 17 - nodes.length / 40,
      (this.box.clientWidth / this.layout.width) * 0.62));
    const looks = nodes.map((node) => this.look(node, colours));
    const best = this.model.data.verdict.best;
    const place = best === 0 ? undefined : this.layout.places.get(best);
    this.chart.setOption({
      animation: false,
      textStyle: { fontFamily: kFont },
      grid: { left: 14, right: 14, top: 34, bottom: 22 },
      xAxis: { type: 'value', show: false, min: 0, max: this.layout.width },
      yAxis: { type: 'value', show: false, min: 0, max: this.layout.height },
      dataZoom: [0, 1].map((i) => ({
        type: 'inside', ...(i === 0 ? { xAxisIndex: 0 } : { yAxisIndex: 0 }),
        filterMode: 'none', zoomOnMouseWheel: 'ctrl', moveOnMouseWheel: false,
        moveOnMouseMove: true, preventDefaultMouseMove: false, minSpan: 2,
      })),
      tooltip: {
        ...kTooltip, trigger: 'item',
        formatter: (item: { data: number[] }) => {
          const node = this.model.node(item.data[2] ?? -1);
          return node ? nodeTip(this.model, node) : '';
        },
      },
      series: [
        {
          type: 'custom', id: 'edges', data: this.edges(), silent: true, z: 1, clip: false,
          renderItem: (_: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) =>
            branch(api, colours),
        },
        {
          type: 'custom', id: 'nodes', z: 3, clip: false, encode: { tooltip: [] },
          data: nodes.map((node) => {
            const at = this.layout.places.get(node.n);
            return [at?.x ?? 0, at?.y ?? 0, node.n];
          }),
          renderItem: (params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) =>
            drawn(looks[params.dataIndex]!, api.coord([api.value(0), api.value(1)])),
        },
        {
          type: 'scatter', id: 'label', z: 4, silent: true, symbolSize: 0.01,
          data: place ? [[place.x, place.y]] : [],
          label: {
            show: true, distance: this.size * 0.95 + 5,
            position: place && place.x > 0.85 * this.layout.width ? 'left' : 'right', fontWeight: 600, fontSize: 12,
            color: colours.best, formatter: `#${best}  ${number(this.model.node(best)?.value)}`,
            textBorderColor: colours.surface, textBorderWidth: 3,
          },
        },
      ],
    });
    this.placeRing();
  }

  // Up goes to what grew from a node, down to its parent, left and right along
  // its level; without a node yet, to the best.
  private key(event: KeyboardEvent): void {
    const from = this.selected ?? this.model.data.verdict.best;
    if (event.key === 'Enter' || event.key === ' ') {
      this.open(from);
    } else if (event.key.startsWith('Arrow')) {
      const to = this.selected === null ? from : this.neighbour(from, event.key);
      if (to !== undefined) this.select(to);
      this.say(to ?? from);
    } else if (event.key === 'Escape') {
      this.select(null);
    } else {
      return;
    }
    event.preventDefault();
  }

  private neighbour(n: number, key: string): number | undefined {
    const node = this.model.node(n);
    if (key === 'ArrowDown') return node?.parents[0];
    if (key === 'ArrowUp') {
      const children = this.layout.children.get(n) ?? [];
      return children.find((child) => this.onPath.has(child))
        ?? children.find((child) => this.layout.children.has(child)) ?? children[0];
    }
    const here = this.layout.places.get(n);
    if (!here) return undefined;
    const sign = key === 'ArrowRight' ? 1 : -1;
    let found: number | undefined;
    let least = Infinity;
    for (const [other, place] of this.layout.places) {
      const ahead = sign * (place.x - here.x);
      const far = ahead + 8 * Math.abs(place.y - here.y);
      if (other !== n && ahead > 1e-6 && far < least) [found, least] = [other, far];
    }
    return found;
  }

  private say(n: number): void {
    const node = this.model.node(n);
    if (!node) return;
    this.box.setAttribute('aria-label',
      `Node ${n}, ${words(node.outcome)}, ${node.value === undefined ? '' : number(node.value)}, ` +
      `${node.idea ?? ''}, ${count(this.layout.children.get(n)?.length ?? 0, 'child node')}`);
    this.chart?.dispatchAction({
      type: 'showTip', seriesIndex: 1,
      dataIndex: this.model.sorted.findIndex((one) => one.n === n),
    });
  }
}

function drawn({ shape, radius: r, style }: Look, [x, y]: number[]): object {
  const cx = x ?? 0;
  const cy = y ?? 0;
  if (shape === 'circle') return { type: 'circle', shape: { cx, cy, r }, style };
  if (shape === 'square') return { type: 'rect', shape: { x: cx - r, y: cy - r, width: 2 * r, height: 2 * r }, style };
  return { type: 'polygon', shape: { points: [[cx, cy - r], [cx + r, cy], [cx, cy + r], [cx - r, cy]] }, style };
}

// A branch leaves its node upwards and arrives from below.
function branch(api: CustomSeriesRenderItemAPI, colours: Palette): object {
  const from = api.coord([api.value(0), api.value(1)]) as [number, number];
  const to = api.coord([api.value(2), api.value(3)]) as [number, number];
  const weight = api.value(4) as number;
  const middle = (from[1] + to[1]) / 2;
  return {
    type: 'bezierCurve',
    shape: {
      x1: from[0], y1: from[1], x2: to[0], y2: to[1],
      cpx1: from[0], cpy1: middle, cpx2: to[0], cpy2: middle,
    },
    style: {
      fill: null,
      stroke: weight === 2 ? colours.best : colours.muted,
      lineWidth: weight === 2 ? 3.5 : 1,
      opacity: weight === 2 ? 0.85 : weight === 1 ? 0.45 : 0.16,
      lineDash: api.value(5) === 0 ? null : [4, 4],
    },
  };
}
