import { CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  DataZoomComponent, GridComponent, MarkLineComponent, TooltipComponent,
} from 'echarts/components';
import { init, use, type ECharts } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { el } from './dom';
import { number, words } from './format';
import type { Model, Node } from './data';

use([CustomChart, LineChart, ScatterChart, DataZoomComponent, GridComponent,
  MarkLineComponent, TooltipComponent, CanvasRenderer]);

export const kFont = 'Inter, system-ui, sans-serif';

// A chart that keeps the size of its box.
export function chartIn(box: HTMLElement): ECharts {
  const chart = init(box, null, { renderer: 'canvas' });
  new ResizeObserver(() => chart.resize()).observe(box);
  return chart;
}

// An element, so that no text in it is ever taken for HTML.
export function nodeTip(model: Model, node: Node): HTMLElement {
  const head = `#${node.n} ${node.op}`;
  const value = node.value === undefined
    ? words(node.outcome) : `${model.data.run.metric} ${number(node.value)}`;
  return el('div', { class: 'tip' },
    el('div', { class: 'tip-head' }, el('b', {}, head), el('span', {}, value)),
    el('div', { class: 'tip-text' }, (node.idea || node.reason || '').slice(0, 160)));
}

export const kTooltip = {
  confine: true,
  appendTo: (container: HTMLElement) => container,
  className: 'tip-box',
  backgroundColor: 'transparent',
  borderWidth: 0,
  padding: 0,
  extraCssText: 'box-shadow:none;white-space:normal;pointer-events:none',
  transitionDuration: 0.1,
} as const;
