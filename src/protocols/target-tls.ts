import { z } from 'zod'
import { certificates } from '../shared/needed-values.ts'

/** The keys that say how the gateway checks who a target is, of targets that may be reached without TLS. */
export const targetTls = {
  tls: z
    .enum(['verify-full', 'verify-ca', 'require', 'disable'])
    .default('verify-full')
    .describe(
      'how the gateway checks the target; all but verify-full trust more than they should, and are warned about',
    ),
  ca: certificates.optional().describe('a file with the authority that signed the certificate of the target'),
}

/** Reports an authority that nothing would be checked with. */
export function checkAuthority(
  { tls, ca }: { readonly tls: string; readonly ca?: unknown },
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
  if (ca !== undefined && !tls.startsWith('verify-'))
    context.addIssue({ code: 'custom', path: ['ca'], message: `is not used with tls: ${tls}` })
}
