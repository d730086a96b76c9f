/** The parameters of a query, as Go's url.ParseQuery reads them. What that drops with an error is a failure here. */
export function readQuery(
  text: string | undefined,
): { readonly parameters: ReadonlyMap<string, readonly string[]> } | { readonly failure: string } {
  const parameters = new Map<string, string[]>()
  if (text === undefined) return { parameters }
  if (!QUERY.test(text)) return { failure: 'the query has characters that the API server might parse differently' }
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    const value = decode(at < 0 ? '' : pair.slice(at + 1))
    if (name === undefined || value === undefined) return { failure: 'the query is not UTF-8' }
    const values = parameters.get(name)
    if (values === undefined) parameters.set(name, [value])
    else values.push(value)
  }
  return { parameters }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** Printable ASCII without `#`, `;` and `\`; a per cent sign with two digits alone. */
const QUERY = /^(?:[!"$&-:<-[\]^-~]|%[0-9A-Fa-f]{2})*$/
