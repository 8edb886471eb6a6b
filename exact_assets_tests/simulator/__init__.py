"""How the simulator speaks, against the recorded exchanges and the API's rules. What it holds is tested beside."""
