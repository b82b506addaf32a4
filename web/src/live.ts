import type { PageData } from './data';

// News of a live run: one event brings the summary and the nodes that changed.
// The browser connects again by itself and says what it saw last.
export function follow(
  onNews: (news: PageData) => void, onState: (connected: boolean) => void, seq: number,
): void {
  const source = new EventSource(`events?since=${seq}`);
  source.addEventListener('open', () => onState(true));
  source.addEventListener('error', () => onState(false));
  source.addEventListener('news', (event) => {
    onNews(JSON.parse((event as MessageEvent<string>).data) as PageData);
  });
}
