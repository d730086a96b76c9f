import { didYouMean } from '../../shared/nearest-word.ts'
import type { Finding } from './finding.ts'
import type { ConfigFile } from './schema.ts'

/** An announcement that must be taken needs somebody to take it, and what is lifted by name must be there. */
export function breakGlassFindings({ access, commands, masking, notifications }: ConfigFile): Finding[] {
  const holds = commands.flat().flatMap(({ name, effect }) => (effect.type === 'hold' ? [name] : []))
  const masks = masking.map(({ name }) => name)
  const isMute = notifications.webhooks.length === 0 && notifications.slack === undefined
  return access.flatMap(({ breakGlass: terms }, index): Finding[] => {
    if (terms === undefined) return []
    const at = ['access', index, 'breakGlass']
    const missing = (key: 'holds' | 'masks', known: readonly string[], what: string): Finding[] =>
      terms.lifts[key].flatMap((name, place) =>
        known.includes(name)
          ? []
          : [
              {
                level: 'error',
                path: [...at, 'lifts', key, place],
                message: `${what} is named "${name}"${didYouMean(name, known)}`,
              },
            ],
      )
    return [
      ...(terms.announcement === 'required' && isMute
        ? [
            {
              level: 'error' as const,
              path: at,
              message:
                'nobody could be told, so nobody would get access: configure notifications.webhooks or notifications.slack',
            },
          ]
        : []),
      ...missing('holds', holds, 'no command rule that holds'),
      ...missing('masks', masks, 'no masking rule'),
    ]
  })
}
