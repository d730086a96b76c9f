import type { SignInIssuer } from '../api/schemas/identity.ts'
import { PamError, UsageError } from '../shared/errors.ts'
import { visible } from '../shared/visible.ts'
import type { Io } from './output/io.ts'

/**
 * Who is to sign somebody in: the provider that is named, by its name or by an e-mail address of its domains; the only one; the one that they signed in
 * with before (`before`: its URL). Otherwise they are asked. Throws UsageError where nobody can be.
 */
export async function chooseIssuer(
  issuers: readonly SignInIssuer[],
  { wanted, before, io }: { readonly wanted: string | undefined; readonly before: string | undefined; readonly io: Io },
): Promise<SignInIssuer> {
  const [only, ...others] = issuers
  if (only === undefined)
    throw new PamError('ISSUER_UNTRUSTED', 'no sign-in for people is configured at this gateway', {
      hint: 'a service signs in with PAMCTL_TOKEN or --token-file',
    })
  const names = issuers.map(({ name }) => visible(name)).join(', ')
  if (wanted !== undefined) {
    const [found, ...more] = matching(wanted, issuers)
    if (found !== undefined && more.length === 0) return found
    throw new UsageError(
      `${found === undefined ? 'no identity provider' : 'more than one identity provider'} of this gateway matches --issuer ${wanted}`,
      `choose one by its name: ${names}`,
    )
  }
  if (others.length === 0) return only
  const known = issuers.find(({ issuer }) => issuer === before)
  if (known !== undefined) return known
  if (!io.interactive)
    throw new UsageError(`this gateway has several identity providers: ${names}`, 'choose one with --issuer NAME')
  const { select } = await import('@inquirer/prompts')
  return select({
    message: 'Sign in with',
    choices: issuers.map((value) => ({
      value,
      name: [
        visible(value.name),
        ...(value.domains.length > 0 ? [`(${value.domains.map(visible).join(', ')})`] : []),
      ].join(' '),
    })),
  })
}

/** By name; by an address, those that name its domain, or all that name none. */
function matching(wanted: string, issuers: readonly SignInIssuer[]): readonly SignInIssuer[] {
  if (!wanted.includes('@')) return issuers.filter(({ name }) => name === wanted)
  const domain = wanted.slice(wanted.lastIndexOf('@') + 1).toLowerCase()
  const named = issuers.filter(({ domains }) => domains.includes(domain))
  return named.length > 0 ? named : issuers.filter(({ domains }) => domains.length === 0)
}
