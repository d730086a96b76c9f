/** Headers in the order in which they came; names in lower case, values as they stood. */
export type Headers = readonly Header[]
export type Header = readonly [name: string, value: string]

/** Every value of a header, in order. */
export const valuesOf = (headers: Headers, name: string): string[] =>
  headers.filter(([one]) => one === name).map(([, value]) => value)

/** The value of a header that is there once; undefined where it is not there, or several times. */
export function valueOf(headers: Headers, name: string): string | undefined {
  const values = valuesOf(headers, name)
  return values.length === 1 ? values[0] : undefined
}

/** Names and values as Node lists them, one after the other. */
export function fromRawHeaders(raw: readonly string[]): Header[] {
  const headers: Header[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = [raw[at], raw[at + 1]]
    if (name !== undefined && value !== undefined) headers.push([name.toLowerCase(), value])
  }
  return headers
}

/** As Node takes them: a list of values where a name is there several times. */
export function toNodeHeaders(headers: Headers): Record<string, string | string[]> {
  const all = new Map<string, string[]>()
  for (const [name, value] of headers) all.set(name, [...(all.get(name) ?? []), value])
  return Object.fromEntries(
    [...all].map(([name, values]) => {
      const [first, ...more] = values
      return [name, first !== undefined && more.length === 0 ? first : values]
    }),
  )
}

/** Headers of one connection, which never pass to the next one (RFC 9110, section 7.6.1), and those that `Connection` names. */
export function withoutHopByHop(headers: Headers): Header[] {
  const named = new Set(
    valuesOf(headers, 'connection').flatMap((value) => value.split(',').map((one) => one.trim().toLowerCase())),
  )
  return headers.filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name))
}

/** The names that `Trailer` announces (RFC 9110, section 6.6.2), in lower case. It is of one connection, and written anew for the next. */
export const announcedTrailers = (headers: Headers): readonly string[] =>
  valuesOf(headers, 'trailer')
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')

/** Whether an answer has no body, whatever its head says (RFC 9110, section 6.4.1). */
export const isBodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])
