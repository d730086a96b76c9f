/**
 * Whether an identity provider says no to somebody: an error of OAuth or OpenID Connect that is about the person or their grant (RFC
 * 6749, 5.2; OpenID Connect Core, 3.1.2.6). Everything else says nothing of the person: a provider that is overloaded, limits
 * its callers, is misconfigured or answers through a proxy that is none of these.
 */
export function isRefusal(error: unknown): boolean {
  const { error: code, status } = error as { error?: unknown; status?: unknown }
  const isOverloaded = typeof status === 'number' && (status >= 500 || status === 429 || status === 408)
  return typeof code === 'string' && REFUSALS.has(code) && !isOverloaded
}

const REFUSALS: ReadonlySet<string> = new Set([
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'invalid_grant',
  'login_required',
])
