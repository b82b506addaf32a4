import './style.css';
import { Attempts } from './attempts';
import { Curve } from './curve';
import { Model, readPage } from './data';
import { byId, el } from './dom';
import { follow } from './live';
import { Panel } from './panel';
import { drawAbout, drawAdvice, drawEffort, drawFailures, drawLineage, drawProof } from './sections';
import { startTheme } from './theme';
import { Tree } from './tree';
import { drawBar, drawVerdict } from './verdict';

const kFormat = 1;

function start(): void {
  startTheme();
  const data = readPage();
  if (!data || data.format !== kFormat) {
    byId('verdict').append(el('p', {}, 'This page holds no data that it can read.'));
    return;
  }
  const model = new Model(data);
  const open = (n: number) => panel.open(n);
  const panel = new Panel(model, (n) => {
    tree.select(n);
    const hash = n === null ? '' : `#${n}`;
    if (location.hash !== hash) history.replaceState(null, '', hash || location.pathname + location.search);
  });
  const curve = new Curve(model, open);
  const tree = new Tree(model, open);
  const attempts = new Attempts(model, open);

  const draw = (connected: boolean | null) => {
    drawBar(model, connected);
    drawVerdict(model);
    curve.draw();
    tree.draw();
    drawLineage(model, open);
    drawAdvice(model);
    drawEffort(model);
    drawFailures(model, open);
    attempts.draw();
    drawProof(model, open);
    drawAbout(model);
  };
  draw(null);

  const fromHash = () => {
    const n = /^#(\d+)$/.exec(location.hash)?.[1];
    if (n !== undefined && panel.node !== Number(n)) open(Number(n));
  };
  addEventListener('hashchange', fromHash);
  fromHash();

  if (data.live) {
    follow((news) => {
      model.update(news);
      draw(true);
      panel.refresh(new Set(news.nodes.map((node) => node.n)));
    }, (connected) => drawBar(model, connected), data.seq);
  }
  // When it could first be used, in ms since it was asked for.
  document.documentElement.dataset['ready'] = performance.now().toFixed(0);
}

start();
