# The few commands: each makes what it needs, from a clean clone on.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

PRODUCTS := .products

.PHONY: demo test test-products check format soak clean

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/quarantine demo --state .demo --fresh

# Other people's products that ours is tried against, an environment each. One that cannot be
# installed stops nothing: its test is skipped with the reason, and the next run tries again.
$(PRODUCTS)/%/.installed: tests/products/%.txt
	mkdir -p $(PRODUCTS)
	{ test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D); } >$(@D).log 2>&1 \
	  && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --retries 1 \
	    --prefer-binary --requirement $< >>$(@D).log 2>&1 \
	  && touch $@ && rm $(@D).log || { rm -rf $(@D); tail -n 1 $(@D).log; }

.SECONDARY:

test: $(STAMP) $(PRODUCTS)/mlflow/.installed
	$(BIN)/python -m pytest -n 2

test-products: $(STAMP) $(foreach one,mlflow phoenix label_studio,$(PRODUCTS)/$(one)/.installed)
	FQ_TEST_PRODUCTS=all $(BIN)/python -m pytest $(foreach one,mlflow phoenix label_studio,tests/stories/test_$(one).py)

soak: $(STAMP)
	$(BIN)/python -m pytest --soak --timeout 7200 --durations=25

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(PRODUCTS) .demo .quarantine build *.egg-info
