const kDigits = new Intl.NumberFormat('en-US', {
  maximumSignificantDigits: 4, useGrouping: false,
});

export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '\u2013';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(3);
  if (size >= 1e4) return Math.round(value).toLocaleString('en-US');
  return minus(kDigits.format(value));
}

const minus = (text: string): string => text.replace(/^-/, '\u2212');

// "+12.3%" of a fraction.
export function percent(fraction: number, sign = true): string {
  const value = 100 * fraction;
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
  return minus((sign && value > 0 ? '+' : '') + text) + '%';
}

export function dollars(usd: number): string {
  if (usd === 0) return '$0';
  return '$' + usd.toFixed(usd < 0.01 ? 4 : 2);
}

export function duration(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

export function count(n: number, noun: string): string {
  return `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`;
}

export const words = (name: string): string => name.replace(/_/g, ' ');

export function when(utc: string): string {
  const at = new Date(utc);
  if (Number.isNaN(at.getTime())) return utc;
  return at.toLocaleString('en-GB', {
    day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit',
    timeZone: 'UTC',
  }) + ' UTC';
}
