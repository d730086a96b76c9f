import { connectUpstream } from '../session/connect-upstream.ts'
import type { UpstreamTarget as ConnectedTarget } from '../session/connect-upstream.ts'
import type { HttpTarget } from '../target.ts'
import { Upstream } from '../upstream/upstream.ts'

export interface UpstreamTarget extends Omit<ConnectedTarget, 'name' | 'address'> {
  readonly config: HttpTarget
}

/** The target, as one connection of a client reaches it: no connection is ever shared between people. */
export function upstreamOf({ config, ...rest }: UpstreamTarget): Upstream {
  const { name, host, port, tls, ca, serverName, h2c } = config
  const target = { ...rest, name, address: { host, port, tls, ca, serverName } }
  return new Upstream({ host: hostHeaderOf(config), h2c, connect: (alpn) => connectUpstream(target, alpn) })
}

/** `https://billing.internal`, as clients know it that reach it directly. */
export const originOf = (config: HttpTarget): string => `${schemeOf(config)}://${hostHeaderOf(config)}`

const schemeOf = ({ tls }: HttpTarget): 'http' | 'https' => (tls === 'disable' ? 'http' : 'https')

function hostHeaderOf({ hostHeader, host, port, tls }: HttpTarget): string {
  if (hostHeader !== undefined) return hostHeader
  const name = host.includes(':') ? `[${host}]` : host
  return port === (tls === 'disable' ? 80 : 443) ? name : `${name}:${port}`
}
