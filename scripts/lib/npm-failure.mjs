import { SetupError } from './setup-error.mjs'

/** What npm says when it fails, and what helps. The first row that matches is the answer. */
const causes = [
  [
    /ENOSPC/,
    'There is no space left for the packages (about 500 MB).',
    'Free some space, or set TMPDIR and npm_config_cache to a larger disk.',
  ],
  [
    /EROFS|EACCES|EPERM/,
    'npm may not write where it must.',
    'Run as the owner of the project folder and of the npm cache (npm config get cache).',
  ],
  [
    /EUSAGE|can only install packages when your package\.json and package-lock\.json/,
    'package.json and package-lock.json disagree.',
    'Run npm install, and commit the lock file with the change.',
  ],
  [
    /EINTEGRITY/,
    'A downloaded package is not the one that package-lock.json names.',
    'Run npm cache clean --force and try again. If it stays so, something between you and the registry changes packages.',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED/,
    'npm could not reach its registry.',
    'Check the network, a proxy (HTTPS_PROXY) and npm config get registry.',
  ],
  [
    /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_/,
    "npm does not trust its registry's certificate.",
    'Name the certificate authority of your network in NODE_EXTRA_CA_CERTS.',
  ],
]

/**
 * The error to show for a failed `npm ci`: the likely cause and its remedy, with npm's own output above it.
 * @param {string} output what npm printed
 */
export function explainNpmFailure(output) {
  const cause = causes.find(([pattern]) => pattern.test(output))
  const [, problem, remedy] = cause ?? [undefined, 'npm ci failed.', "See npm's messages above."]
  return new SetupError(`${problem}\n${withoutHelp(output).replaceAll(/^/gm, '  npm | ')}`, remedy)
}

/**
 * A wrong use of npm is followed by pages of its usage.
 * @param {string} output
 */
function withoutHelp(output) {
  return output.split(/^npm error (?:Clean install a project|Usage:)$/m)[0].trimEnd()
}
