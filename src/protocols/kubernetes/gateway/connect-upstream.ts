import type { CredentialLease } from '../../../credentials/credential.ts'
import type { ConnectLimits } from '../../../gateway/engine.ts'
import { connectUpstream } from '../../http/session/connect-upstream.ts'
import { Upstream } from '../../http/upstream/upstream.ts'
import type { KubernetesTarget } from '../target.ts'

export interface UpstreamTarget {
  readonly config: KubernetesTarget
  readonly lease: CredentialLease
  readonly limits: Pick<ConnectLimits, 'handshake'>
  readonly baseDirectory: string
  readonly ended: AbortSignal | undefined
}

/** The API server, as one connection of a client reaches it. Always verified in full: a token goes to whoever answers. */
export function upstreamOf({ config, ...rest }: UpstreamTarget): Upstream {
  const { name, host, port, ca, serverName } = config
  const target = { ...rest, name, address: { host, port, tls: 'verify-full', ca, serverName } } as const
  return new Upstream({
    host: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    connect: (alpn) => connectUpstream(target, alpn),
  })
}
