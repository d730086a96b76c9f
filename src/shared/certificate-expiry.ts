import { certificatesOf } from './certificates.ts'

/**
 * Why a certificate of a PEM text will not be taken for long, in words that go on after its name; undefined where there is none, or all last. Soon is
 * 30 days, and a third of the time of one that lasts for less than 90.
 */
export function certificateExpiry(pem: string, now: number): string | undefined {
  const found = (certificatesOf(pem) ?? []).map(({ validFrom, validTo }) => {
    const ends = Date.parse(validTo)
    return { validTo, left: ends - now, soon: Math.min(SOON_MS, (ends - Date.parse(validFrom)) / 3) }
  })
  const expired = found.find(({ left }) => left < 0)
  if (expired !== undefined) return `has expired (${expired.validTo})`
  const next = found.find(({ left, soon }) => left < soon)
  return next === undefined ? undefined : `expires soon (${next.validTo})`
}

const SOON_MS = 30 * 86_400_000
