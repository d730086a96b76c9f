/** A path of our own, or the first page: a link must not lead through us to somewhere else. */
export function ownPath(to: string): string {
  if (!to.startsWith('/') || /^\/[/\\]/.test(to) || [...to].some((char) => char <= ' ' || char === '\u007f')) return '/'
  const origin = 'http://gateway.invalid'
  const url = URL.canParse(to, origin) ? new URL(to, origin) : undefined
  // Dots may have led to two slashes at the beginning: that is another host.
  return url?.origin === origin && !url.pathname.startsWith('//') ? url.pathname + url.search + url.hash : '/'
}
