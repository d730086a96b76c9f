import { PamError } from '../../../shared/errors.ts'
import type { UpstreamAnswer } from './answer.ts'

/** An answer whose status is one of RFC 9110, section 15, and final. Throws for any other: clients take those in different ways. */
export function withFinalStatus(answer: UpstreamAnswer): UpstreamAnswer {
  if (answer.status >= 200 && answer.status <= 599) return answer
  answer.body.destroy()
  throw new PamError('TARGET_LEFT', 'the target answered with a status that HTTP does not have', { side: 'upstream' })
}
