import type { TLSSocket } from 'node:tls'
import type { CredentialLease } from '../../../credentials/credential.ts'
import type { ConnectLimits } from '../../../gateway/engine.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { connectTarget, targetTls, type TargetAddress } from '../../../gateway/target-socket.ts'
import { withDeadline } from '../../../gateway/with-deadline.ts'
import { PamError } from '../../../shared/errors.ts'
import { Upstream } from '../../http/upstream/upstream.ts'
import type { KubernetesTarget } from '../target.ts'

export interface UpstreamTarget {
  readonly config: KubernetesTarget
  readonly lease: CredentialLease
  readonly limits: Pick<ConnectLimits, 'handshake'>
  readonly baseDirectory: string
  readonly ended: AbortSignal | undefined
}

/** The API server, as one connection of a client reaches it. The credential is asked for when a connection is opened. */
export function upstreamOf(target: UpstreamTarget): Upstream {
  const { host, port } = target.config
  return new Upstream({
    host: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    connect: (alpn) => connectTls(target, alpn),
  })
}

/** Always verified in full: a token goes to whoever answers. */
async function connectTls(
  { config, lease, limits, baseDirectory, ended }: UpstreamTarget,
  alpn: readonly string[],
): Promise<TLSSocket> {
  const { host, port, ca, serverName } = config
  const address: TargetAddress = { host, port, tls: 'verify-full', ca, serverName }
  try {
    const beginTls = targetTls(address, baseDirectory, { certificate: lease.clientCertificate, alpn })
    if (beginTls === undefined) throw new Error('a target of Kubernetes without TLS')
    return await withDeadline(limits.handshake, ended, async (signal) =>
      beginTls(await connectTarget(address, signal), signal),
    )
  } catch (error) {
    throw ended?.aborted === true && error === ended.reason ? error : failure(config.name, error)
  }
}

const failure = (name: string, error: unknown): PamError =>
  error instanceof PamError && error.code === 'CONFIG_INVALID'
    ? new PamError('TARGET_CREDENTIAL', `${name}: the gateway's credential for it cannot be read`, {
        side: 'gateway',
        cause: error,
        hint: 'contact your gateway administrator',
      })
    : targetFailure(name, error)
