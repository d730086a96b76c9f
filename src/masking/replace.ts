import type { MaskingKind, MaskingStyle } from '../policy/policy.ts'
import type { Detector } from './detectors/detector.ts'
import { email } from './detectors/email.ts'
import { paymentCard } from './detectors/payment-card.ts'

export const detectors: Readonly<Record<MaskingKind, Detector>> = { email, 'payment-card': paymentCard }

/** The whole value of a masked column as it is shown; null where nothing may be shown. */
export function maskValue(value: string, style: MaskingStyle): string | null {
  switch (style) {
    case 'null':
      return null
    case 'redact':
      return REDACTED
    case 'partial': {
      if (value === '') return ''
      const whole = Object.values(detectors).find((detector) => {
        const [span] = detector.find(value)
        return span?.start === 0 && span.end === value.length
      })
      if (whole !== undefined) return whole.partial(value)
      const [first] = value
      return value.length > 4 ? `${first}***` : '***'
    }
  }
}

/** The text with every value of these kinds hidden; undefined where there is none. */
export function maskKinds(
  text: string,
  kinds: readonly { kind: MaskingKind; style: MaskingStyle }[],
): string | undefined {
  let result: string | undefined
  for (const { kind, style } of kinds) {
    const detector = detectors[kind]
    const current = result ?? text
    const spans = detector.find(current)
    if (spans.length === 0) continue
    let masked = ''
    let at = 0
    for (const { start, end } of spans) {
      masked += current.slice(at, start)
      masked += style === 'partial' ? detector.partial(current.slice(start, end)) : REDACTED
      at = end
    }
    result = masked + current.slice(at)
  }
  return result
}

/** As `maskKinds`, but every hidden character becomes one asterisk: for values inside structures with lengths. */
export function maskKindsInPlace(text: string, kinds: readonly { kind: MaskingKind }[]): string | undefined {
  let result: string | undefined
  for (const { kind } of kinds) {
    const current = result ?? text
    for (const { start, end } of detectors[kind].find(current)) {
      result = (result ?? text).slice(0, start) + '*'.repeat(end - start) + (result ?? text).slice(end)
    }
  }
  return result
}

const REDACTED = '****'
