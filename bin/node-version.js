// Imported first by what people start: says so when this Node.js is too old to read the rest, which is loaded after it.
// In the JavaScript that even Node.js 12 reads, because that is what Ubuntu 22.04 has under the name nodejs.

export const OLDEST = 18

/** What to tell; undefined when it is new enough. `version` is as process.version has it. */
export function tooOld(version) {
  if (Number(/^v(\d+)/.exec(version)[1]) >= OLDEST) return undefined
  return [
    '',
    'This is Node.js ' +
      version.slice(1) +
      ', and ' +
      OLDEST +
      ' or newer is needed to set up; the cloud itself brings its own.',
    'The package nodejs of Debian 12 and of Ubuntu 24.04 is new enough. That of Ubuntu 22.04 and of Debian 11 is not: there,',
    'install a newer one (https://nodejs.org/en/download; on Ubuntu `snap install node --classic` does), and try again.',
    '',
  ].join('\n')
}

const complaint = tooOld(process.version)
if (complaint !== undefined) {
  process.stderr.write(`${complaint}\n`)
  process.exit(1)
}
