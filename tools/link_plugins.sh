#!/bin/bash
# Link the plugins of all roles into plugins/, where a collection has them: tools/link_plugins.sh
# Run it after adding, renaming or removing a plugin; tests/roles/test_collection.py fails until then.
set -euo pipefail
cd "$(dirname "$0")/.."
find plugins -type l -delete
declare -A kinds=([filter_plugins]=filter [lookup_plugins]=lookup [action_plugins]=action [library]=modules
    [module_utils]=module_utils)
for kind in "${!kinds[@]}"; do
    mkdir -p "plugins/${kinds[$kind]}"
    for plugin in roles/*/"$kind"/*.py playbooks/"$kind"/*.py; do
        # Plugins beside the playbooks may be links to those of a role, and vice versa. Those of a role may link to scripts/.
        [ -e "$plugin" ] && [ ! -L "$(dirname "$plugin")" ] || continue
        case $(readlink "$plugin") in *roles/* | *playbooks/*) continue ;; esac
        ln -s "../../$plugin" "plugins/${kinds[$kind]}/"
    done
done
