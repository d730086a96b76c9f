import { X509Certificate } from 'node:crypto'

/** The certificates of a PEM text in their order; undefined where one cannot be read. */
export function certificatesOf(pem: string): X509Certificate[] | undefined {
  try {
    return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
      (block) => new X509Certificate(block),
    )
  } catch {
    return undefined
  }
}
