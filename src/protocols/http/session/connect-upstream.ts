import type { Socket } from 'node:net'
import type { CredentialLease } from '../../../credentials/credential.ts'
import type { ConnectLimits } from '../../../gateway/engine.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { connectTarget, targetTls, type TargetAddress } from '../../../gateway/target-socket.ts'
import { withDeadline } from '../../../gateway/with-deadline.ts'
import { PamError } from '../../../shared/errors.ts'
import type { UpstreamSocket } from '../upstream/upstream.ts'

export interface UpstreamTarget {
  readonly name: string
  readonly address: TargetAddress
  readonly lease: CredentialLease
  readonly limits: Pick<ConnectLimits, 'handshake'>
  readonly baseDirectory: string
  readonly ended: AbortSignal | undefined
}

/** One connection to a target of HTTP. The credential is asked for when it is opened. */
export async function connectUpstream(
  { name, address, lease, limits, baseDirectory, ended }: UpstreamTarget,
  alpn: readonly string[],
): Promise<UpstreamSocket> {
  try {
    const beginTls = targetTls(address, baseDirectory, { certificate: lease.clientCertificate, alpn })
    return await withDeadline(limits.handshake, ended, async (signal): Promise<Socket> => {
      const socket = await connectTarget(address, signal)
      return beginTls === undefined ? socket : beginTls(socket, signal)
    })
  } catch (error) {
    throw ended?.aborted === true && error === ended.reason ? error : failure(name, error)
  }
}

const failure = (name: string, error: unknown): PamError =>
  error instanceof PamError && error.code === 'CONFIG_INVALID'
    ? new PamError('TARGET_CREDENTIAL', `${name}: the gateway's credential for it cannot be read`, {
        side: 'gateway',
        cause: error,
        hint: 'contact your administrator',
      })
    : targetFailure(name, error)
