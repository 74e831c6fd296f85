import type { KubernetesProviderConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'
import { ofPod, type Surroundings } from './access/access.ts'
import { entranceOf } from './access/entrance.ts'
import { Cluster } from './cluster.ts'
import { NamedSecrets } from './named.ts'
import { SelectedSecrets } from './selected.ts'
import type { Random } from './watch/keep.ts'

/** So many requests one call may make at a time (`fetchEach`). */
const requestsPerCall = 8

/**
 * The Secrets of one namespace of a Kubernetes API server. Connects to nothing yet.
 *
 * @param surroundings what it looks at outside the configuration, for tests
 */
export function createKubernetesProvider(
  config: KubernetesProviderConfig,
  context: ProviderContext,
  surroundings: Surroundings = ofPod,
  random: Random = Math.random,
): Provider {
  const { selector, maxConcurrentCalls, maxWatches } = config
  const entrance = entranceOf(config, context, surroundings)
  if (selector === undefined) {
    // The lists that watches begin with come beside the calls.
    const connections = (maxConcurrentCalls + 1) * requestsPerCall
    const cluster = new Cluster(entrance, config, context, { connections, watches: maxWatches })
    return new NamedSecrets(cluster, config, context, random).provider()
  }
  const cluster = new Cluster(entrance, config, context, { connections: maxConcurrentCalls, watches: 1 })
  return new SelectedSecrets(cluster, config, selector, context, random).provider()
}
