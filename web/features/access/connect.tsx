import type { Target } from '../../../src/api/schemas/access.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { Copy } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { guiSettings } from './gui.ts'

/** Commands to copy. Names of targets consist of letters, digits and dashes, so they need no quotes. */
export function Commands({ target }: { target: Target }) {
  const { name, type, appUrl } = target
  const gui = guiSettings(target)
  return (
    <div class="stack">
      <Copy text={`pamctl login --gateway ${location.origin}`} label="sign in" />
      {wordsOf(type).ways.map(({ command, label }) => (
        <Copy key={command} text={command.replace('NAME', name)} label={label.replace('NAME', name)} />
      ))}
      {appUrl !== undefined && <Copy text={appUrl} label="in a browser" />}
      {gui !== undefined && (
        <div class="stack">
          <h3>DBeaver, DataGrip, TablePlus, VS Code</h3>
          <p class="small soft">
            While <code>pamctl connect {name}</code> runs; if this port is in use, it names another one.
          </p>
          <dl class="facts">
            {gui.fields.map(([field, value]) => (
              <>
                <dt>{field}</dt>
                <dd>
                  <Text>{value}</Text>
                </dd>
              </>
            ))}
          </dl>
          {gui.urls.map(([field, url]) => (
            <Copy key={field} text={url} label={`connect a graphical client (${field})`} />
          ))}
        </div>
      )}
    </div>
  )
}
