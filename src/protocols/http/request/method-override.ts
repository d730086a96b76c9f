import type { Parameter } from './http-request.ts'

/**
 * The name of a parameter by which frameworks take a request for one of another method: Rails, Laravel, Symfony, Express and WordPress
 * `_method`, others the names of headers.
 */
export const overridingName = (parameters: readonly Pick<Parameter, 'name'>[]): string | undefined =>
  parameters.find(({ name }) => isOverriding(name))?.name

/** PHP and others have the same name in several spellings; in Express, `[_method]` is `_method`. */
export function isOverriding(name: string): boolean {
  const bare = name
    .normalize('NFKC')
    .replace(/^[\s[]+/, '')
    .replace(/[[\]].*$/s, '')
    .trim()
    .toLowerCase()
  const letters = bare.replaceAll(/[^a-z]/g, '')
  return OVERRIDING.has(letters) || (MARKED.has(letters) && !/^[a-z0-9]/.test(bare))
}

/** Restlet and others take a POST for another method by a plain name in its query; what it says tells whether that is meant. */
export const tunnelingName = (method: string, query: readonly Parameter[]): string | undefined =>
  method === 'POST'
    ? query.find(({ name, value }) => /(?:^|[^a-z])(?:http[_-]?)?(?:method|verb)$/i.test(name) && isMethod(value))?.name
    : undefined

/** Whether what is not read as a form or JSON would have such a name for a reader that is less strict. */
export function mayOverride(bytes: Buffer): boolean {
  const text = bytes
    .toString('latin1')
    // In UTF-16 and UTF-32 they stand between letters.
    .replaceAll('\0', '')
    .replaceAll(/\\u([0-9a-f]{4})|%([0-9a-f]{2})/gi, (_spelled, unit?: string, byte?: string) =>
      String.fromCharCode(Number.parseInt(unit ?? byte ?? '', 16)),
    )
  return Array.from(text.matchAll(/[\w.$!@-]{0,32}method[\w-]{0,32}/gi)).some(([word]) => isOverriding(word))
}

const isMethod = (value: string): boolean => /^(?:GET|HEAD|PUT|PATCH|DELETE|OPTIONS)$/.test(value.trim().toUpperCase())

/** Without whatever stands between their letters. */
const OVERRIDING = new Set([
  'httpmethodoverride',
  'methodoverride',
  'overridemethod',
  'xhttpmethod',
  'xhttpmethodoverride',
  'xmethodoverride',
  'xtunneledmethod',
  'tunneledmethod',
])
/** Ordinary words, but where a sign stands in front of them. */
const MARKED = new Set(['method', 'httpmethod'])
