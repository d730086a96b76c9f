import { visible } from './visible.ts'

/**
 * What an identity provider said itself (RFC 6749, 4.1.2.1 and 5.2): `invalid_scope: Invalid scopes: openid groups`. It comes
 * from outside: cut short, in one line, without characters that a terminal or a reader would take for something else.
 * Undefined where it said nothing.
 */
export function providerWords(error: unknown): string | undefined {
  const { error: code, error_description: description } = (error ?? {}) as Record<string, unknown>
  if (typeof code !== 'string' || code === '') return undefined
  const said = [shown(code, 60)]
  // No provider writes markup there; whoever does has something else in mind.
  if (typeof description === 'string' && description.trim() !== '' && !/[<>]/.test(description))
    said.push(shown(description, 300))
  return said.join(': ')
}

/** Of the scopes, those that the provider says it supports (RFC 8414, section 2); all where it does not say. */
export function supportedScopes(scopes: readonly string[], supported: readonly string[] | undefined): string[] {
  return scopes.filter((scope) => scope === 'openid' || (supported?.includes(scope) ?? true))
}

function shown(text: string, limit: number): string {
  const line = visible(text.replace(/\s+/g, ' ').trim())
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line
}
