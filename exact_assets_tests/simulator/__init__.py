"""How the simulator speaks, against the recorded exchanges and the rules of the API. What it holds is tested beside."""
