import type { Session } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import type { HttpTarget } from '../target.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'

/** It is not the client who has to sign in. */
export function credentialRefused(
  { body }: Pick<UpstreamAnswer, 'body'>,
  { config, logger }: Pick<Session<HttpTarget>, 'config' | 'logger'>,
): PamError {
  body.destroy()
  logger.warn({ target: config.name }, 'target.credential_refused')
  return new PamError('TARGET_CREDENTIAL', `${config.name} did not accept the gateway's credential`, {
    side: 'upstream',
    hint: 'contact your administrator',
  })
}
