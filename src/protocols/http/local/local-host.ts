/** Whether `Host` or `:authority` is a name of this machine with this port, which may be left out where it is the scheme's own. */
export function isHostOf(host: string, port: number, schemePort: number): boolean {
  const found = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?$/i.exec(host)
  return found !== null && (found[1] ?? String(schemePort)) === String(port)
}
