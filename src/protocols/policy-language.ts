import { PolicyLanguage } from '../policy/language.ts'
import { gatewayHalves } from './gateway.ts'

/** What rules can say, over all protocols. */
export const policyLanguage = new PolicyLanguage(
  Object.fromEntries(Object.entries(gatewayHalves).map(([name, { policy }]) => [name, policy])),
)
