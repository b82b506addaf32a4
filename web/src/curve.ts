import type { ECharts } from 'echarts/core';
import { chartIn, kFont, kTooltip, nodeTip } from './charts';
import { groupOf, type Model } from './data';
import { el, show, title } from './dom';
import { dollars, number } from './format';
import { onTheme, palette } from './theme';

type Axis = 'attempts' | 'hours' | 'cost';

// Best so far, and every measured node where and when it stood.
export class Curve {
  private axis: Axis = 'attempts';
  private chart: ECharts | null = null;
  private readonly caption = el('p', { class: 'note' });
  private readonly box = el('div', { class: 'chart curve-chart', role: 'img' });
  private readonly switcher = el('div', { class: 'switch', role: 'group', 'aria-label': 'Axis' });

  constructor(private readonly model: Model, private readonly open: (n: number) => void) {}

  draw(): void {
    if (this.model.data.curve.length < 2) return show('curve');
    if (!this.chart) {
      show('curve', el('div', { class: 'row' },
        title('curve', 'How it went', 'Best so far, and every measured node; pale ones at the edge were worse still'), this.switcher),
      this.box, this.caption);
      this.chart = chartIn(this.box);
      this.chart.on('click', (event) => {
        const n = (event.data as { n?: number } | undefined)?.n;
        if (n !== undefined) this.open(n);
      });
      onTheme(() => this.paint());
    }
    this.drawSwitch();
    const { verdict } = this.model.data;
    this.caption.textContent = verdict.overruled
      ? `The line ends where the search did; ${verdict.overruled}.` : '';
    this.paint();
  }

  private drawSwitch(): void {
    const last = this.model.data.curve[this.model.data.curve.length - 1];
    const axes: Axis[] = ['attempts', 'hours', ...((last?.[2] ?? 0) > 0 ? ['cost' as const] : [])];
    this.switcher.replaceChildren(...axes.map((axis) => el('button', {
      type: 'button', 'aria-pressed': String(axis === this.axis),
      onclick: () => { this.axis = axis; this.drawSwitch(); this.paint(); },
    }, axis)));
  }

  private at(i: number): number {
    const point = this.model.data.curve[i];
    if (!point) return 0;
    return this.axis === 'attempts' ? i : this.axis === 'hours' ? point[1] / 3600 : point[2];
  }

  private paint(): void {
    const { data } = this.model;
    const colours = palette();
    const best = data.curve.map((point, i) => [this.at(i), point[3]]);
    const baseline = data.curve[0]?.[3] ?? 0;
    const dots = data.curve.flatMap((point, i) => {
      const node = this.model.node(point[0]);
      if (node?.value === undefined) return [];
      const group = groupOf(node, data.verdict.best);
      const winner = group === 'best';
      const up = group === 'improved' || winner;
      return [{
        value: [this.at(i), node.value], n: node.n, up,
        symbolSize: winner ? 13 : up ? 9 : 5,
        itemStyle: {
          color: winner ? colours.best : up ? colours.good
            : group === 'unclear' ? colours.unclear : colours.rejected,
          borderColor: colours.surface, borderWidth: up ? 1.5 : 0, opacity: 1,
        },
      }];
    });
    const { min, max } = range(
      dots.map((dot) => dot.value[1] ?? 0), best.map((p) => p[1] ?? 0), data.run.minimize);
    for (const dot of dots) {
      const value = dot.value[1] ?? 0;
      if (value >= min && value <= max) continue;
      dot.value[1] = Math.min(max, Math.max(min, value));
      dot.itemStyle.opacity = 0.4;
    }
    this.box.setAttribute('aria-label',
      `Best so far: ${data.run.metric} from ${number(baseline)} to ${number(best[best.length - 1]?.[1])}`);
    this.chart?.setOption({
      animation: false,
      textStyle: { fontFamily: kFont },
      grid: { left: 12, right: 20, top: 20, bottom: 8, containLabel: true },
      tooltip: {
        ...kTooltip, trigger: 'item',
        formatter: (item: { data: { n?: number } }) => {
          const node = item.data.n === undefined ? undefined : this.model.node(item.data.n);
          return node ? nodeTip(this.model, node) : '';
        },
      },
      xAxis: {
        type: 'value', min: 0, max: 'dataMax',
        axisLine: { lineStyle: { color: colours.rule } }, axisTick: { show: false },
        splitLine: { show: false },
        axisLabel: {
          color: colours.muted, fontSize: 11, hideOverlap: true, showMaxLabel: true,
          formatter: (value: number) => this.axis === 'cost' ? dollars(value)
            : this.axis === 'hours' ? hours(value) : number(value),
        },
      },
      yAxis: {
        type: 'value', min, max, splitNumber: 4, axisLine: { show: false }, axisTick: { show: false },
        axisLabel: {
          color: colours.muted, fontSize: 11, showMinLabel: false, showMaxLabel: false,
          formatter: (value: number) => number(value),
        },
        splitLine: { lineStyle: { color: colours.grid } },
      },
      series: [
        {
          type: 'line', step: 'end', data: best, symbol: 'none', z: 3, silent: true,
          lineStyle: { color: colours.best, width: 2.5 },
          areaStyle: { color: colours.best, opacity: 0.06 },
          markLine: {
            silent: true, symbol: 'none', animation: false,
            lineStyle: { color: colours.muted, type: [4, 4], width: 1 },
            label: { color: colours.muted, fontSize: 11, position: 'insideEndTop' },
            data: [
              { yAxis: baseline, label: { formatter: 'baseline' } },
              ...(data.run.target !== null && data.run.target >= min && data.run.target <= max
                ? [{ yAxis: data.run.target, label: { formatter: 'target' } }] : []),
            ],
          },
        },
        // New bests stand on the line, the others below it.
        ...[false, true].map((up) => ({
          type: 'scatter' as const, data: dots.filter((dot) => dot.up === up), z: up ? 4 : 2,
          cursor: 'pointer', emphasis: { scale: 1.6 },
        })),
      ],
    });
  }
}

const hours = (value: number): string =>
  value === 0 ? '0' : value < 0.1 ? `${number(value * 3600)} s`
    : value < 2 ? `${number(value * 60)} min` : `${number(value)} h`;

// The line, and beyond the baseline as far again as the best is away from it:
// one disaster must not flatten the rest. What is worse still stands at the edge.
function range(dots: number[], best: number[], minimize: boolean): { min: number; max: number } {
  let low = Math.min(...best);
  let high = Math.max(...best);
  const sorted = [...dots].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? low;
  // With nothing better yet: the bulk of what was measured.
  const reach = high > low ? high - low : Math.max(at(0.9) - at(0.1), Math.abs(low) * 0.02, 1e-9);
  const worst = minimize ? Math.min(Math.max(...dots, high), high + reach) : Math.max(Math.min(...dots, low), low - reach);
  const furthest = minimize ? Math.min(...dots, low) : Math.max(...dots, high);
  low = Math.min(low, minimize ? furthest : worst);
  high = Math.max(high, minimize ? worst : furthest);
  const margin = (high - low || reach) * 0.08;
  return { min: low - margin, max: high + margin };
}
