import { PamError } from '../shared/errors.ts'
import { sessionEndReason } from './session-end-reason.ts'
import { TRY_AGAIN } from './with-deadline.ts'

/** An error that a target sent to the gateway in its own protocol. */
export class TargetRefusal extends Error {
  /** The protocol's own code, which reveals nothing of the target's data. */
  readonly code: string
  /** The target's message. Neither for users nor for the log: it may repeat anything that it was sent. */
  readonly said: string
  /** Whether the target rejected the credential. */
  readonly isCredential: boolean

  constructor({ code, said, isCredential }: Pick<TargetRefusal, 'code' | 'said' | 'isCredential'>) {
    super(`the target answered ${code}`)
    this.name = 'TargetRefusal'
    this.code = code
    this.said = said
    this.isCredential = isCredential
  }
}

/** Why connecting to a target failed, in words that users may see. */
export function targetFailure(name: string, error: unknown): PamError {
  const told = (code: PamError['code'], text: string, hint?: string): PamError =>
    new PamError(code, `${name}: ${text}`, {
      side: 'upstream',
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    })
  // A credential that cannot be read is no fault of the target.
  if (error instanceof PamError && error.side === 'gateway') return error
  if (error instanceof PamError) return told(error.code, error.message, error.hint)
  if (error instanceof TargetRefusal) {
    return error.isCredential
      ? told('TARGET_CREDENTIAL', "the target refused the gateway's credential", ASK)
      : told('TARGET_REFUSED', `the target refused the connection (${error.code})`)
  }
  const failure = sessionEndReason(error)
  if (failure.code !== 'INTERNAL') return told(failure.code, failure.message)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code === 'string' && /^(ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|HOSTNAME_)/.test(code))
    return told('TARGET_CERTIFICATE', "the target's certificate is not trusted", ASK)
  return told('TARGET_UNREACHABLE', 'cannot reach the target', TRY_AGAIN)
}

const ASK = 'contact your administrator'
