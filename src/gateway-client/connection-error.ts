import { PamError } from '../shared/errors.ts'

/** Why a call did not get through to the gateway: not reached, or not trusted. Never "bad handshake". */
export function connectionError(gateway: string, error: unknown): PamError {
  if (error instanceof PamError) return error
  const codes = causes(error).map(({ code }) => code ?? '')
  if (codes.some((code) => /^(ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|HOSTNAME_|ERR_SSL)/.test(code))) {
    return new PamError('GATEWAY_CERTIFICATE', `the certificate of ${gateway} is not trusted`, {
      hint: 'give the authority that signed it with --ca FILE (PAMCTL_CA)',
      cause: error,
    })
  }
  return new PamError(
    'GATEWAY_UNREACHABLE',
    `the gateway ${gateway} cannot be reached (${codes.find((code) => code !== '') ?? 'no answer'})`,
    {
      hint: 'check the URL, and that this machine can reach it',
      cause: error,
    },
  )
}

function causes(error: unknown): { code?: string }[] {
  const found: { code?: string }[] = []
  for (
    let current = error;
    current !== null && typeof current === 'object' && found.length < 5;
    current = (current as Error).cause
  ) {
    found.push(current)
    if ('errors' in current && Array.isArray(current.errors)) found.push(...(current.errors as { code?: string }[]))
  }
  return found
}
