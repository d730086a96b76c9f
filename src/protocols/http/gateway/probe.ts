import type { Probe } from '../../../gateway/engine.ts'
import { targetFailure } from '../../../gateway/target-failure.ts'
import { PamError } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'
import { valueOf } from '../wire/headers.ts'
import { scrubbedText } from './secret-scrubber.ts'
import { upstreamOf, type UpstreamTarget } from './connect-upstream.ts'
import { identityOf } from './credential-headers.ts'

/** Connects, and asks for the head of `/`; changes nothing. */
export async function probeHttp(target: UpstreamTarget): Promise<Probe> {
  const { config, lease, limits } = target
  const upstream = upstreamOf(target)
  try {
    const { headers, needles } = identityOf(config.credential, lease)
    const answer = await upstream.send({
      method: 'HEAD',
      target: '/',
      headers: [...headers, ['accept-encoding', 'identity']],
      body: undefined,
      signal: AbortSignal.timeout(2 * limits.handshake),
    })
    answer.body.destroy()
    if (answer.status === 401)
      throw new PamError('TARGET_CREDENTIAL', `${config.name} did not accept the gateway's credential`, {
        side: 'upstream',
      })
    const server = valueOf(answer.headers, 'server')
    return {
      details: [
        `status ${answer.status} for /`,
        ...(server === undefined ? [] : [visible(scrubbedText(server, needles))]),
      ],
      warnings: [],
    }
  } catch (error) {
    throw error instanceof PamError ? error : targetFailure(config.name, error)
  } finally {
    upstream.close()
  }
}
