import { TargetRefusal } from '../../../../gateway/target-failure.ts'
import { readErr } from '../../wire/err.ts'

/** The server refused, with an error number. */
export function refusalOf(payload: Buffer): TargetRefusal {
  const { code, sqlstate, message } = readErr(payload)
  return new TargetRefusal({
    code: String(code),
    said: message.toString('utf8'),
    isCredential: sqlstate === '28000' || CREDENTIAL.has(code),
  })
}

/** ER_ACCESS_DENIED_ERROR and similar errors, an expired password, a locked account. */
const CREDENTIAL = new Set([1044, 1045, 1698, 1820, 1862, 3118, 4151])
