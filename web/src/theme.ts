// Dark and light: what the system prefers, until the reader says otherwise.

export interface Palette {
  paper: string; ink: string; muted: string; rule: string; grid: string;
  best: string; good: string; fair: string; worse: string; unclear: string;
  failed: string; rejected: string; open: string; surface: string;
}

const kKey = 'coppice-theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];

// Storage is refused to some file: pages.
function stored(): string | null {
  try { return localStorage.getItem(kKey); } catch { return null; }
}
function store(theme: string): void {
  try { localStorage.setItem(kKey, theme); } catch { /* then for this visit alone */ }
}

let chosen = stored();

export const isDark = (): boolean =>
  chosen ? chosen === 'dark' : prefersDark.matches;

function apply(): void {
  document.documentElement.dataset['theme'] = isDark() ? 'dark' : 'light';
  for (const listener of listeners) listener();
}

export function startTheme(): void {
  prefersDark.addEventListener('change', apply);
  apply();
}
export function toggleTheme(): void {
  chosen = isDark() ? 'light' : 'dark';
  store(chosen);
  apply();
}
export function onTheme(listener: () => void): void {
  listeners.push(listener);
}

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: of('paper'), ink: of('ink'), muted: of('muted'), rule: of('rule'),
    grid: of('grid'), best: of('best'), good: of('good'), fair: of('fair'),
    worse: of('worse'), unclear: of('unclear'), failed: of('failed'),
    rejected: of('rejected'), open: of('open'), surface: of('surface'),
  };
}

const channels = (hex: string): number[] =>
  [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

export function mix(a: string, b: string, share: number): string {
  const [from, to] = [channels(a), channels(b)];
  const part = from.map((c, i) => Math.round(c + ((to[i] ?? c) - c) * share));
  return `rgb(${part.join(',')})`;
}
