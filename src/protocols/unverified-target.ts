import type { TargetFinding } from './protocol.ts'

/** How the gateway logs in to a target over TLS, or without. */
interface Login<Method extends string> {
  readonly name: string
  readonly tls: string
  readonly authentication?: readonly Method[] | undefined
}

/**
 * What a target whose certificate is not verified in full gives away. `exposes` says of a method what an impostor of the target learns
 * about its password; `beside` is what else is known of it.
 */
export function unverifiedFindings<Method extends string>(
  { name, tls, authentication = [] }: Login<Method>,
  exposes: Readonly<Partial<Record<Method, string>>>,
  beside: readonly TargetFinding[] = [],
): TargetFinding[] {
  if (tls === 'verify-full') return []
  const problem = tls === 'disable' ? 'neither encrypts the connection nor verifies' : 'does not fully verify'
  return [
    { path: ['tls'], message: `target ${name}: tls: ${tls} ${problem} who the target is` },
    ...beside,
    ...authentication.flatMap((method, index) => {
      const exposure = exposes[method]
      if (exposure === undefined) return []
      const message = `target ${name}: authentication: ${method} with tls: ${tls} ${exposure}`
      return [{ path: ['authentication', index], message }]
    }),
  ]
}
